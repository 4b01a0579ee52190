"""Where the values of a cell came from and what it did to them, kept with its row.

``Follower`` looks at the namespace before a cell and after it, through ``nbops.data.Watch``, and remembers which
execution last wrote each name. A cell that can run nobody's code (it binds plain values) is told by its compiled code
alone, which costs a microsecond. When following fails three times it stops, and recording goes on without it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.capture import mentions, place
from nbops.capture.mentions import Mentions
from nbops.capture.notices import tell
from nbops.optional import loaded
from nbops.quiet import quiet
from nbops.records import Edge, Evidence, Lineage, RandomState, Written

if TYPE_CHECKING:
    from nbops.capture.files import Files
    from nbops.data import Changes, Watch

_MOST_FAILURES = 3
_MOST_NAMES = 500
"""Edges and writes kept of one execution."""
_PLAIN = frozenset({bool, int, float, complex, type(None)})
_PLAIN_OR_TEXT = _PLAIN | {str, bytes}
_SALT = os.urandom(16)
# What a digest of a new value may take: a share of the cell's own time, within limits.
_LEAST_S, _MOST_S, _SHARE = 0.002, 0.05, 0.05


class _Origin(msgspec.Struct, frozen=True, gc=False):
    """Who last wrote a name, and how that is known."""

    execution_id: str | None
    evidence: Evidence


_UNTOUCHED = (623, 624)

_UNOBSERVED = _Origin(None, "named")


class Open:
    """An execution that is followed just now."""

    __slots__ = ("before", "began", "cpu", "execution_id", "held", "mentions", "mode")

    def __init__(self, execution_id: str, mode: str, mentioned: Mentions) -> None:
        self.execution_id = execution_id
        self.mode = mode
        self.mentions = mentioned
        self.began = self.cpu = 0.0
        self.before: dict[str, int] = {}
        self.held: dict[str, str] = {}


class Follower:
    """Follows one shell's namespace from execution to execution.

    Args:
        shell: the ``InteractiveShell``.
        root: the project's folder.
        budget_s: seconds that digests may take before a cell, and a few times that after it.
    """

    def __init__(self, shell: Any, root: str, *, budget_s: float = 0.05) -> None:
        self._shell = shell
        self._root = root
        self._key: bytes | None = None
        self.budget_s = budget_s
        self._origins: dict[str, _Origin] = {}
        self._random: dict[str, str] = {}
        self._watch: Watch | None = None
        self._files: Files | None = None
        self._open: Open | None = None
        self.is_on = True
        self.failures: list[Exception] = []

    def loading(self, execution_id: str) -> Open | None:
        """Begin in the middle of a cell, the one that loads the extension: nothing heavy is imported for it."""
        if self._open is not None:
            return None
        self._open = opened = Open(execution_id, "loading", mentions.NONE)
        opened.before = {name: id(thing) for name, thing in self._shell.user_ns.items()}
        return opened

    def before(self, execution_id: str, info: Any, *, is_inner: bool) -> Open | None:
        """Look at the namespace before an execution; None for what runs inside another one, or is not followed."""
        if not self.is_on or (is_inner and self._open is not None):
            return None
        try:
            self._open = self._begun(execution_id, info)
        except Exception as error:  # noqa: BLE001 - a hook must never break or stop a user's cell
            self._failed(error)
        return self._open

    def after(self, opened: Open | None, *, is_ok: bool) -> Lineage | None:
        """Tell what an execution did; None where it was not followed."""
        if opened is None or opened is not self._open:
            return None
        self._open = None
        try:
            if opened.mode == "inert":
                return self._inert(opened, is_ok=is_ok)
            if opened.mode == "loading":
                return self._loaded(opened)
            return self._watched(opened)
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)
            return None

    def _begun(self, execution_id: str, info: Any) -> Open:
        source = info.raw_cell
        said = mentions.mentions(source, info.transformed_cell or source, self._shell.compile.flags)
        names = self._shell.user_ns
        if said.is_inert and all(type(names.get(name)) in _PLAIN_OR_TEXT for name in said.reads):
            return Open(execution_id, "inert", said)
        opened = Open(execution_id, "watched", said)
        opened.began, opened.cpu = time.time(), time.process_time()
        watch, followed = self._looker()
        watch.before(names, reads=said.reads, binds=said.binds)
        opened.held = {name: held.value for name, held in watch.held.items() if held.evidence == "digest"}
        if "numpy" not in self._random and (not self._random or loaded("numpy.random") is not None):
            self._random = _random_states()
        followed.begin()
        return opened

    def _looker(self) -> tuple[Watch, Files]:
        if self._watch is None:
            from nbops.data import Watch

            self._watch = Watch(budget_s=self.budget_s)
        if self._files is None:
            from nbops.capture.files import Files

            self._files = Files(self._root)
        return self._watch, self._files

    def _inert(self, opened: Open, *, is_ok: bool) -> Lineage:
        names, said = self._shell.user_ns, opened.mentions
        # A name that is not there is a builtin.
        edges = [self._edge(name, "", names) for name in said.reads if name in names] if said.reads else []
        # A cell that failed may have bound only some of its names; those that are there are told.
        bound = said.binds if is_ok else [name for name in said.binds if name in names]
        writes = [self._literal(name, names.get(name)) for name in bound]
        for name in bound:
            self._origins[name] = _Origin(opened.execution_id, "named")
        return Lineage(edges=edges, writes=writes)

    def _loaded(self, opened: Open) -> Lineage:
        writes = [
            Written(name=name, evidence="token")
            for name, thing in list(self._shell.user_ns.items())
            if name[:1] != "_" and name not in ("In", "Out") and opened.before.get(name) != id(thing)
        ]
        for written in writes:
            self._origins[written.name] = _Origin(opened.execution_id, "token")
        return Lineage(writes=writes)

    def _watched(self, opened: Open) -> Lineage:
        cpu_s = time.process_time() - opened.cpu
        names, said = self._shell.user_ns, opened.mentions
        assert self._watch is not None
        assert self._files is not None
        changes = self._watch.after(names)
        touched = self._files.end(self._paths(said, names), opened.began)
        edges = [self._edge(name, opened.held.get(name, ""), names) for name in changes.reads if name != "get_ipython"]
        took_s = time.time() - opened.began
        digests = self._new_digests(changes, names, took_s)
        versions = self._new_versions(changes, names, took_s)
        writes = [
            Written(name=name, evidence=evidence, digest=digests.get(name, ""), version=versions.get(name, ""))
            for name, evidence in changes.writes.items()
        ]
        random_states = self._stirred(changes, opened, edges)
        for touch in touched:
            key = f"file:{touch.path}"
            if touch.action == "read" and key in self._origins:
                edges.append(self._edge(key, touch.digest))
            elif touch.action == "written":
                self._origins[key] = _Origin(opened.execution_id, touch.evidence)
        for written in writes:
            self._origins[written.name] = _Origin(opened.execution_id, written.evidence)
        for name in changes.unsure:
            # It may have been changed here: whoever reads it next depends on this cell as well.
            self._origins[name] = _Origin(opened.execution_id, "opaque")
        for name in changes.deleted:
            self._origins.pop(name, None)
        return Lineage(
            edges=edges[:_MOST_NAMES],
            writes=writes[:_MOST_NAMES],
            deleted=changes.deleted[:_MOST_NAMES],
            unsure=changes.unsure[:_MOST_NAMES],
            files=touched,
            randomness=random_states,
            cpu_s=cpu_s,
            peak_bytes=_peak_bytes(),
        )

    def _edge(self, name: str, held: str, names: Mapping[str, Any] = {}) -> Edge:
        origin = self._origins.get(name, _UNOBSERVED)
        if not held and name in names:
            held = _plain_digest(names[name])
        return Edge(name=name, source_id=origin.execution_id, evidence=origin.evidence, digest=held)

    def _new_digests(self, changes: Changes, names: Mapping[str, Any], took_s: float) -> dict[str, str]:
        """What names hold that were written, as far as a small share of the cell's own time goes."""
        from nbops.data import Allowance, digest

        allowed = Allowance(min(max(_LEAST_S, took_s * _SHARE), _MOST_S))
        found: dict[str, str] = {}
        for name in changes.writes:
            thing = names.get(name)
            plain = _plain_digest(thing)
            if plain:
                found[name] = plain
            elif type(thing) not in _PLAIN_OR_TEXT and (left := allowed.left()) > 0:
                held = digest(thing, left)
                if held.evidence == "digest":
                    found[name] = held.value
        return found

    def _new_versions(self, changes: Changes, names: Mapping[str, Any], took_s: float) -> dict[str, str]:
        """What the same names hold for other sessions to compare with, for as long again."""
        from nbops.data import Allowance, version

        allowed = Allowance(min(max(_LEAST_S, took_s * _SHARE), _MOST_S))
        found: dict[str, str] = {}
        for name in changes.writes:
            thing = names.get(name)
            # A number's digest says what it is already.
            if type(thing) not in _PLAIN and name in names and (left := allowed.left()) > 0:
                with quiet():
                    found[name] = version(thing, key=self._texts_key(), budget_s=left)
        return found

    def _literal(self, name: str, thing: Any) -> Written:
        """What a cell made of literals."""
        held = ""
        if type(thing) not in _PLAIN:
            from nbops.data import version

            held = version(thing, key=self._texts_key(), budget_s=_LEAST_S)
        return Written(name=name, evidence="named", digest=_literal_digest(thing), version=held)

    def _texts_key(self) -> bytes:
        if self._key is None:
            self._key = place.key(self._root)
        return self._key

    def _stirred(self, changes: Changes, opened: Open, edges: list[Edge]) -> list[RandomState]:
        stirred = [*changes.randomness, *(["numpy"] if self._is_numpy_stirred() else [])]
        if not stirred:
            return []
        now, found = _random_states(), []
        for source in stirred:
            after = now.get(source, "")
            key = f"random:{source}"
            if key in self._origins:
                edges.append(self._edge(key, self._random.get(source, "")))
            found.append(RandomState(source=source, before=self._random.get(source, ""), after=after))
            self._origins[key] = _Origin(opened.execution_id, "digest")
        self._random = now
        return found

    def _is_numpy_stirred(self) -> bool:
        """Whether the cell that first loaded numpy's generator has drawn from it as well."""
        numpy_random = loaded("numpy.random")
        if numpy_random is None or "numpy" in self._random:
            return False
        state = numpy_random.get_state()
        # Where it stands in its block of numbers: at the end, as long as nobody has drawn. Others than numpy's own were
        # put there by the cell.
        return not isinstance(state, tuple) or int(state[2]) not in _UNTOUCHED

    def _paths(self, said: Mentions, names: Mapping[str, Any]) -> set[str]:
        found = set(said.paths)
        for name in said.reads:
            path = mentions.path_of(names.get(name))
            if path is not None:
                found.add(path)
        return found

    def _failed(self, error: Exception) -> None:
        self.failures.append(error)
        self._watch = None
        if len(self.failures) >= _MOST_FAILURES and self.is_on:
            self.is_on = False
            tell(
                f"following what cells read and write switched itself off after {_MOST_FAILURES} failures of its own; "
                f"cells go on being recorded: {type(error).__name__}: {error}",
                hint="%reload_ext nbops",
            )


def _plain_digest(thing: object) -> str:
    """A number says what it is; a text, which may be secret, is told by a hash that nobody can repeat."""
    kind = type(thing)
    if kind in _PLAIN:
        return f"{kind.__name__}:{thing!r}"[:64]
    return f"{kind.__name__}:{hash((_SALT, thing)):x}" if kind is str or kind is bytes else ""


def _literal_digest(thing: object) -> str:
    """What a cell made of literals; a list or dict costs more to tell than a number."""
    if type(thing) in _PLAIN_OR_TEXT:
        return _plain_digest(thing)
    from nbops.data import digest

    held = digest(thing, _LEAST_S)
    return held.value if held.evidence == "digest" else ""


def _random_states() -> dict[str, str]:
    """Where the process-wide random generators stand, told the same in every process."""
    import random

    import xxhash

    found = {"random": xxhash.xxh3_128_hexdigest(repr(random.getstate()).encode())}
    numpy_random = loaded("numpy.random")
    if numpy_random is not None:
        from nbops.data import numpy_state

        found["numpy"] = xxhash.xxh3_128_hexdigest(numpy_state(numpy_random)[0])
    return found


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
