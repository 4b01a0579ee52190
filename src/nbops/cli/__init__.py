"""The shell's door: ``nbops VERB …`` parses, does and prints; everything else is behind the workspace."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, cast

from nbops.errors import NbopsError


def main(args: list[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        args: the words after ``nbops``; those of the process when not given.

    Returns:
        0 when it went well, 1 for an error the user can cure, 130 after Ctrl-C.
    """
    from nbops.cli.shell import perform

    words = sys.argv[1:] if args is None else args
    try:
        code = perform(words)
        sys.stdout.flush()
        return code
    except NbopsError as error:
        _complain(error)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has gone: say nothing more, not even when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


def _complain(error: NbopsError) -> None:
    red, reset = ("\x1b[31m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
    sys.stderr.write(f"{red}{error.message}{reset}\n")
    if error.hint:
        sys.stderr.write(f"  → {error.hint}\n")


def entry_point() -> Any:
    """What the console script calls."""
    # Where this library is installed, jsonschema, which nbformat needs, builds a grammar of international URIs at its
    # import: a second for every command, for a format that no notebook's schema asks for. A name that is None in
    # sys.modules cannot be imported, and jsonschema goes on without.
    sys.modules.setdefault("rfc3987_syntax", cast(ModuleType, None))
    sys.exit(main())
