"""An IPython shell inside the tests' own process, and the process put back as it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.interactiveshell import InteractiveShell


@contextmanager
def lent_shell() -> Iterator[Any]:
    """The process's current shell for a while; a session that began in it ends with it."""
    streams, hook = (sys.stdout, sys.stderr), sys.displayhook
    shell = InteractiveShell()
    InteractiveShell._instance = shell
    try:
        yield shell
    finally:
        from nbops.capture import here

        here.ended()
        InteractiveShell._instance = None
        sys.stdout, sys.stderr = streams
        sys.displayhook = hook
        shell.history_manager.end_session()
        shell.restore_sys_module_state()
