"""Parse a command line with the grammar, do it on the workspace, print the answer."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import Any

import msgspec

from nbops.cli.progress import terminal
from nbops.errors import NbopsError
from nbops.grammar import Verb
from nbops.grammar.commands import build, invoke
from nbops.progress import answering
from nbops.views import to_text, view_of
from nbops.workspace import Workspace


def perform(words: list[str]) -> int:
    """Do what a command line says.

    Args:
        words: the words after ``nbops``.

    Returns:
        The exit code.
    """
    group = build(_do, door="shell", candidates=candidates)
    if _completes(group):
        return 0
    if words[:1] == ["--version"]:
        from importlib.metadata import version

        sys.stdout.write(f"nbops {version('nbops')}\n")
        return 0
    if words[:1] == ["-C"] and len(words) > 1:
        _enter(words[1])
        words = words[2:]
    done = invoke(group, words)
    # Printed out here: click would take a reader that went away for its own affair.
    return _print(*done) if done is not None else 0


def _completes(group: Any) -> bool:
    """Answer the shell's own question for completion, when that is what this call is."""
    instruction = os.environ.get("_NBOPS_COMPLETE")
    if not instruction:
        return False
    from click.shell_completion import shell_complete

    shell_complete(group, {}, "nbops", "_NBOPS_COMPLETE", instruction)
    return True


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise NbopsError(f"cannot work in {folder!r}: {error.strerror}", hint="nbops -C FOLDER VERB") from error


def candidates(nouns: str) -> list[str]:
    """Offer ids and names that are in the store just now."""
    from nbops.grammar.completion import names_of

    with Workspace.opened(read_only=True) as workspace:
        return names_of(workspace.store, nouns)


def _do(verb: Verb, values: dict[str, Any], as_json: bool) -> tuple[Verb, Any, str]:
    said = nullcontext() if verb.is_service else answering(verb.doing)
    with Workspace.opened() as workspace, terminal(), said:
        answer = getattr(workspace, verb.method)(**values)
        return verb, answer, _text(answer, workspace, as_json)


def _text(answer: Any, workspace: Workspace, as_json: bool) -> str:
    if as_json:
        return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
    return to_text(view_of(workspace.shown(answer)), colour=sys.stdout.isatty())


def _print(verb: Verb, answer: Any, text: str) -> int:
    if verb.gives is int:
        return int(answer)
    sys.stdout.write(text + "\n")
    return _exit_code(answer)


def _exit_code(answer: object) -> int:
    """Let scripts see a red result: checks, runs and findings that failed, were cut short or came out otherwise."""
    items = answer if isinstance(answer, list) else [answer]
    if any(getattr(item, "verdict", None) in ("failed", "different", "missing") for item in items):
        return 1
    return 1 if getattr(answer, "status", None) in ("failed", "cancelled") or getattr(answer, "failed", None) else 0
