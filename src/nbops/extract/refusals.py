"""What stands in the way of taking a name along, in words that name the cell and the cure."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nbops.extract.live import described_value
from nbops.extract.log import Log, Step
from nbops.extract.needs import Blocker, BlockerKind, Closure
from nbops.masking.marks import marks_in
from nbops.source import Unit

StarNames = Callable[[str], frozenset[str] | None]
"""Public names of an installed module; None when it is not installed here."""

SESSION_NAMES = frozenset({"In", "Out", "_", "__", "___", "exit", "quit", "_ih", "_oh", "_dh"})
"""Names that belong to the interactive session."""


@dataclass(frozen=True)
class Need:
    """One look-up of a name."""

    name: str
    by: Step | None
    at: int | None
    """Position of the statement that looks it up while it runs; None: when a function is called."""
    soft: bool = False
    called: bool = False
    """Whether what it names may be called at that place, so that its functions look names up there too."""


class Refusals:
    """Adds to a closure what is in the way.

    Args:
        log: what ran.
        star_names: tells what ``from module import *`` brings.
    """

    def __init__(self, log: Log, star_names: StarNames) -> None:
        self.log = log
        self.star_names = star_names
        self.closure = Closure()

    def _block_secret(self, need: Need | None, step: Step) -> bool:
        """Refuse a statement whose text held a secret, by its line: a module is read by more people than a notebook."""
        lines = masked_lines(step)
        if not lines:
            return False
        where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
        self._block(
            need.name if need is not None else title(step.unit), "secret",
            f"holds a secret in {where}, which must not go into a module", step, need,
            cures=['read it where it is used: os.environ["NAME"]', "not_secrets in the settings"],
        )  # fmt: skip
        return True

    def _note_soft(self, need: Need) -> None:
        by = title(need.by.unit) if need.by is not None else ""
        self.closure.note(f"{by} mentions {need.name} only where it is never looked up; it was left out")

    def _block_unbound(self, need: Need) -> None:
        name = need.name
        hidden = next(self.log.hidden(name), None)
        writers = [step for step in self.log.writers.get(name, []) if self.log.is_counted(step)]
        if name == "get_ipython":
            self._block(name, "magic", "is IPython's own and does not exist in a module", need.by, need)
        elif name == "__builtins__":
            self._block(name, "unsupported", "is a module in a notebook and a dict in a module", need.by, need)
        elif name in SESSION_NAMES:
            self._block(name, "session", "belongs to the interactive session", need.by, need)
        elif writers:
            absent = [s for s in writers if s.unit.sets_first(name) and s not in self.closure.steps] or writers[-1:]
            titles = list(dict.fromkeys(title(step.unit) for step in absent))
            callers = ", ".join(f"{title}()" for title in titles)
            self._block(
                name, "changed", f"is set by {callers} when that is called", absent[-1], need,
                cures=[f"extract {' '.join(titles)} too", *self._cures(need)],
            )  # fmt: skip
        elif self.log.namespace is not None and name in self.log.namespace:
            self._block(
                name, "hidden", "exists in the session, but no recorded cell defines it", None, need,
                cures=["run its cell again", *self._cures(need)],
            )  # fmt: skip
        elif hidden is not None:
            self.closure.block(
                Blocker(
                    name=name, kind="hidden", cell=hidden.cell.label, needed_by=needed_by(need),
                    reason=f"stands in a cell that cannot be read ({hidden.what})",
                )
            )  # fmt: skip
        else:
            self._block(name, "undefined", self._undefined(name), need.by, need)

    def _undefined(self, name: str) -> str:
        unknown = [
            f"`from {s.unit.star} import *` ({s.cell.label})"
            for s in self.log.stars
            if (s.unit.star or ".").startswith(".") or self.star_names(s.unit.star or "") is None
        ]
        unread = [*self.log.unread, *self.log.unread_runs()]
        unknown += [f"`{u.text}` ({u.cell.label})" for u in unread if u.text.startswith("%") and "\n" not in u.text]
        owner = name.partition(".")[0]
        if owner != name and self.log.binders.get(owner):
            return f"is a part of {owner}; extract {owner}"
        failed = next((s for s in self.log.steps if name in s.unit.binds and not self.log.is_counted(s)), None)
        if failed is not None:
            why = "is still running" if failed.cell.status == "running" else "failed before it was"
            return f"would be made in {failed.cell.label}, which {why}"
        near = difflib.get_close_matches(name, [known for known, steps in self.log.binders.items() if steps], 1)
        text = "is not defined in any cell"
        if unknown:
            text += f"; it may come from {', '.join(unknown)}, which cannot be looked into here"
        elif near:
            text += f"; there is {near[0]!r}"
        if self.log.deleters.get(name):
            text = f"was deleted ({self.log.deleters[name][-1].cell.label})"
        return text

    def _block_value(self, need: Need, step: Step, objection: str) -> None:
        if need.soft:
            self._note_soft(need)
            return
        kind: BlockerKind = "magic" if step.unit.magics else "data"
        described = described_value(self.log.namespace, need.name)
        subject = f"is {described} and " if described else ""
        self._block(need.name, kind, f"{subject}{objection}", step, need, cures=self._cures(need))

    def _cures(self, need: Need) -> list[str]:
        if need.at is not None and need.by is not None and need.by.unit.kind in {"function", "class"}:
            return []
        pin = [f"--pin {need.name}"] if self.log.namespace is not None else []
        return [f"--parameter {need.name}", *pin]

    def _block(
        self,
        name: str,
        kind: BlockerKind,
        reason: str,
        step: Step | None,
        need: Need | None = None,
        cures: Sequence[str] = (),
    ) -> None:
        cell = step.cell.label if step is not None else None
        by = needed_by(need) if need is not None else ""
        if need is not None and need.soft:
            self.closure.note(f"{name} {reason}")
            return
        self.closure.block(Blocker(name=name, kind=kind, reason=reason, cell=cell, needed_by=by, cures=list(cures)))


def masked_lines(step: Step) -> list[int]:
    """Lines of the cell in which a secret of the statement stood; a call that the user wrote is none."""
    masked = set(step.cell.secrets)
    if not masked or masked.isdisjoint(marks_in(step.unit.text)):
        return []
    return sorted(
        {
            node.lineno
            for node in ast.walk(step.unit.node)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and masked & {node.value, *marks_in(node.value)}
        }
    ) or [step.unit.node.lineno]


def title(unit: Unit) -> str:
    """How messages call a statement."""
    return getattr(unit.node, "name", None) or ", ".join(sorted(unit.binds)) or unit.bare.split("\n")[0][:40]


def needed_by(need: Need) -> str:
    """How messages call the statement that looks a name up."""
    return title(need.by.unit) if need.by is not None else ""
