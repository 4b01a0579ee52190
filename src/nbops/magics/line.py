"""``%nbops VERB …`` and ``%%nbops run NAME``: parse with the grammar, do on the workspace, show as rich output."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any

import msgspec

from nbops import capture, widgets
from nbops.errors import UsageError
from nbops.flows.plot import Plotted
from nbops.flows.show import Page
from nbops.grammar import Verb
from nbops.grammar.commands import build, complete, invoke
from nbops.grammar.completion import names_of
from nbops.magics.progress import notebook
from nbops.progress import answering
from nbops.records import Artifact
from nbops.store.interface import RunSummary
from nbops.views import bundle_of
from nbops.workspace import Live, Workspace

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


_REPRODUCED = frozenset({"deploy"})
"""Verbs that a reproduction carries out: what they make is compared, and they reach nothing outside of it."""


class Answer:
    """What a line magic returns: shows itself, and ``value`` is the record behind it.

    Example:
        >>> Answer("hello").value
        'hello'
    """

    def __init__(self, value: Any, shown: Any = None) -> None:
        self.value = value
        self._shown = value if shown is None else shown

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return bundle_of(self._shown)

    def __repr__(self) -> str:
        return bundle_of(self._shown)["text/plain"]


class RunsAnswer(Answer):
    """A list of runs that is searched, sorted and paged where it stands, while the notebook is live."""

    def __init__(self, runs: list[RunSummary], given: dict[str, Any]) -> None:
        super().__init__(runs)
        self._given = given

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        static = bundle_of(self.value)
        layer = widgets.runs_layer(self._given, self.value, _for_a_look)
        return {**static, "text/html": layer.below(static["text/html"])}


def line_magic(shell: InteractiveShell, line: str) -> Answer | None:
    """Do one ``%nbops`` line in a live notebook.

    Args:
        shell: the notebook's shell.
        line: what follows ``%nbops``.

    Returns:
        The answer, which shows itself; None after ``--help``.
    """
    workspace = Workspace.open(capture.root(), live=_live(shell))

    def do(verb: Verb, values: dict[str, Any], as_json: bool) -> Answer | None:
        if verb.changes and verb.name not in _REPRODUCED and "NBOPS_REPRODUCES" in os.environ:
            sys.stdout.write(f"left out in a reproduction: nbops {verb.name}\n")
            return None
        is_live = not as_json and workspace.settings.widgets and widgets.is_live(shell)
        if verb.name == "deploy" and values["model"] is None and is_live:
            widgets.show_deploy_form(shell.user_ns, lambda: closing(Workspace.open(capture.root(), live=_live(shell))))
            return None
        with notebook(), answering(verb.doing):
            value = getattr(workspace, verb.method)(**values)
        if as_json:
            return Answer(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
        _show(workspace, _pictures_of(value, workspace))
        if verb.name == "runs" and value and is_live:
            return RunsAnswer(value, values)
        return Answer(value, workspace.shown(value))

    try:
        words = _words(line)
        answer: Answer | None = invoke(build(do, door="notebook", candidates=_candidates), words)
        return answer
    finally:
        workspace.close()


def cell_magic(shell: InteractiveShell, line: str, cell: str) -> None:
    """Do one ``%%nbops`` cell.

    Args:
        shell: the notebook's shell.
        line: ``run NAME`` or ``extract --to PKG.MODULE``.
        cell: the rest of the cell.

    Raises:
        UsageError: another line than these.
    """
    words = _words(line)
    if words[:1] == ["run"] and len(words) == 2:
        capture.run_cell_as_run(shell, words[1], cell)
        return
    if words[:1] == ["extract"]:
        _extract_cell(shell, cell, words[1:])
        return
    raise UsageError(f"%%nbops does not know {line!r}", hint="%%nbops run NAME, or %%nbops extract --to pkg.module")


def completions(shell: InteractiveShell, text: str) -> list[str]:
    """Offer what may come next on a ``%nbops`` line.

    Args:
        shell: the notebook's shell.
        text: the line up to the cursor, with the magic's name.
    """
    _, _, rest = text.lstrip().partition(" ")
    words = rest.split(" ")
    group = build(lambda *_: None, door="notebook", candidates=_candidates)
    offered = complete(group, [word for word in words[:-1] if word], words[-1])
    if len(words) > 1 and not words[-1].startswith("-"):
        # A live variable may stand wherever a model or rows may.
        offered += [name for name in shell.user_ns if name.startswith(words[-1] or "\0") and not name.startswith("_")]
    return offered


def _extract_cell(shell: InteractiveShell, cell: str, words: list[str]) -> None:
    from nbops.source import analyse

    names = [name for unit in analyse(cell).units if unit.kind in ("function", "class") for name in sorted(unit.binds)]
    if not names:
        raise UsageError("this cell defines no function or class", hint="%%nbops extract --to pkg.module above a def")
    line = ["extract", *names, *words]
    # A wrong line is refused before the cell runs.
    invoke(build(lambda *_: None, door="notebook", candidates=_candidates), line)
    if capture.run_body(shell, cell) is not None:
        return
    answer = line_magic(shell, shlex.join(line))
    if answer is not None:
        from IPython.display import display

        display(answer)


def _pictures_of(answer: object, workspace: Workspace) -> Sequence[Artifact]:
    """What is shown as a picture above an answer: plots that were asked for, and a sweep's as it stands now."""
    if isinstance(answer, Plotted):
        return answer.plots
    if isinstance(answer, Page) and answer.results is not None:
        try:
            with notebook():
                return workspace.plot([str(answer.record["id"])]).plots
        except UsageError:
            return []  # nothing has been reached yet, which the table shows
    return []


def _show(workspace: Workspace, plots: Sequence[Artifact]) -> None:
    """Show pictures as pixels, which every reader of a notebook draws without trusting it."""
    import base64

    from IPython.display import display

    for plot in plots:
        content = workspace.blobs.get(plot.digest)
        # 200 dots to the inch, of which a page shows 100.
        width, height = (int.from_bytes(content[start : start + 4], "big") // 2 for start in (16, 20))
        display(
            {plot.media_type: base64.b64encode(content).decode(), "text/plain": plot.caption},
            metadata={plot.media_type: {"width": width, "height": height, "alt": plot.caption}},
            raw=True,
        )


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"cannot read {line!r}: {error}", hint="close the quote") from error


def _live(shell: InteractiveShell) -> Live:
    recorder = capture.current()
    return Live(
        namespace=shell.user_ns,
        executions=recorder.cells if recorder is not None else list,
        earlier=recorder.earlier if recorder is not None else list,
        run_id=recorder.run_id if recorder is not None else None,
        execution_id=recorder.execution_id if recorder is not None else None,
        notebook=recorder.session.notebook if recorder is not None else None,
        notice=recorder.notice if recorder is not None else None,
        recording=recorder is not None and recorder.is_on,
        offer=shell.set_next_input,
    )


def _for_a_look() -> AbstractContextManager[Workspace]:
    return Workspace.opened(capture.root(), read_only=True)


def _candidates(nouns: str) -> list[str]:
    with Workspace.opened(capture.root(), read_only=True) as workspace:
        return names_of(workspace.store, nouns)
