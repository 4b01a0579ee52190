"""What a cell did to the names of its notebook: read, bound, changed in place, deleted.

``Watch`` looks at the namespace before and after a cell, and never into the cell while it runs. It compares a token of
every name, and a digest of those that the cell could reach: the names it mentions, names that share objects or memory
with them, and globals that the functions among them use. Whatever it reports says how it is known::

    named     the cell's code says so
    token     the name is another object now, or one of another size
    digest    its content is another
    sampled   a sample of its content is another
    opaque    only the object itself could tell

It sees no change that a thread makes after the cell has ended, nor one inside an object that does not show what it
holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from nbops.data.allowance import Allowance
from nbops.data.digest import OPAQUE, Digest, digest
from nbops.data.namespace import Names
from nbops.data.randomness import drawers, is_drawn_at_import, randomness
from nbops.data.tokens import NOTHING, Reach, is_atom, reach, tokens_of

Evidence = Literal["named", "token", "digest", "sampled", "opaque"]

DYNAMIC = frozenset({"eval", "exec", "execfile", "get_ipython", "globals", "locals", "vars", "setattr", "delattr"})
"""Who mentions one of these may touch any name: all are digested, as far as the budget goes."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What one cell did."""

    reads: dict[str, Evidence]
    """Names that were there before and that the cell, or a function of the notebook that it mentions, mentions."""
    writes: dict[str, Evidence]
    """Names that are new, bound again, or whose object holds something else now."""
    deleted: list[str]
    unsure: list[str]
    """Names the cell could reach and of which nobody can say whether they changed."""
    randomness: list[str]
    """Process-wide random generators that were used or seeded: ``random``, ``numpy``."""


class _Before(msgspec.Struct):
    """The namespace as it was before the cell."""

    ids: dict[str, int]
    tokens: dict[str, object]
    digests: dict[str, Digest]
    reads: frozenset[str]
    binds: frozenset[str]
    randomness: dict[str, Any]
    drawers: frozenset[str]


class Watch:
    """Follows one namespace from cell to cell.

    Args:
        budget_s: seconds of processor time that digests may take before a cell, and again after it; what takes
            longer is sampled.

    Example:
        >>> watch, names = Watch(), {"numbers": [1, 2], "other": [3]}
        >>> watch.before(names, reads={"numbers"}, binds=set())
        >>> names["numbers"][0] = 9
        >>> watch.after(names).writes
        {'numbers': 'digest'}
    """

    def __init__(self, *, budget_s: float = 0.05) -> None:
        self.budget_s = budget_s
        self._before: _Before | None = None
        self._reaches: dict[str, tuple[object, Reach]] = {}
        self._owners: dict[int, set[str]] = {}
        self._followed: dict[str, object] = {}
        self._names = Names()

    def before(self, namespace: Mapping[str, Any], *, reads: Iterable[str], binds: Iterable[str]) -> None:
        """Look at the namespace before a cell runs.

        Args:
            namespace: the notebook's globals.
            reads: names that the cell's code looks up.
            binds: names that it binds at its top level; those of an augmented assignment are both.
        """
        bound = frozenset(binds)
        names = self._names.look(namespace)
        tokens = tokens_of(names)
        if tokens != self._followed:  # threads and widgets change names between cells
            self._follow(names, tokens, tokens, namespace)
        read, reached = self._reached(names, frozenset(reads), bound)
        self._before = _Before(
            ids=dict(zip(names, map(id, names.values()), strict=True)),
            tokens=tokens,
            digests=self._digests(names, reached, read),
            reads=read,
            binds=bound,
            randomness=randomness(),
            drawers=drawers(),
        )

    @property
    def held(self) -> Mapping[str, Digest]:
        """What each name that the cell could reach held before it; empty once ``after`` was called."""
        return {} if self._before is None else self._before.digests

    def after(self, namespace: Mapping[str, Any]) -> Changes:
        """Look at the namespace after the cell, and tell what it did.

        Args:
            namespace: the same globals.

        Returns:
            The changes since ``before``; none when that was not called.
        """
        before, self._before = self._before, None
        if before is None:
            return Changes(reads={}, writes={}, deleted=[], unsure=[], randomness=[])
        names = self._names.look(namespace, before.binds)
        tokens = tokens_of(names)
        writes: dict[str, Evidence] = {}
        ids = dict(zip(names, map(id, names.values()), strict=True))
        for name, now in tokens.items():
            if before.ids.get(name) != ids[name] or before.tokens[name] != now:
                writes[name] = "named" if name in before.binds else "token"
            elif name in before.binds and _is_value(now):
                writes[name] = "named"  # the same value again; of a mutable object the identity would tell
        unsure = self._compare(names, before, writes)
        self._follow(names, tokens, writes, namespace, changed=writes)
        stirred = [
            source
            for source, state in randomness().items()
            if (was := before.randomness.get(source, state)) != state
            and not (source == "random" and is_drawn_at_import(was, state, known=before.drawers))
        ]
        return Changes(
            reads=dict.fromkeys(sorted(before.reads), "named"),
            writes=writes,
            deleted=sorted(before.ids.keys() - names.keys()),
            unsure=unsure,
            randomness=stirred,
        )

    def _compare(self, names: dict[str, Any], before: _Before, writes: dict[str, Evidence]) -> list[str]:
        """Add names whose content changed to ``writes``; return those of which that cannot be told."""
        unsure = []
        # As long again as before the cell, and more: a digest that was finished then should be finished now.
        allowed = Allowance(4 * self.budget_s)
        for name, was in before.digests.items():
            if name in writes or name not in names:
                continue
            now = was if was.evidence == "opaque" else digest(names[name], allowed.left(), is_sampled=was.is_sample)
            if now.evidence == "opaque" or now.evidence != was.evidence:
                unsure.append(name)
            elif now != was:
                writes[name] = now.evidence
        return unsure

    def _reached(
        self, names: dict[str, Any], reads: frozenset[str], binds: frozenset[str]
    ) -> tuple[frozenset[str], list[str]]:
        """Names that the cell reads, directly or through functions, and all that it could change, dearest last."""
        pending = [name for name in reads if name in names]
        read: dict[str, None] = {}
        while pending:
            name = pending.pop()
            if name not in read:
                read[name] = None
                pending += [used for used in self._reaches[name][1].uses if used in names and used not in read]
        touched = dict.fromkeys([*read, *(name for name in binds if name in names)])
        if not DYNAMIC.isdisjoint(reads) or any(not DYNAMIC.isdisjoint(self._reaches[name][1].uses) for name in read):
            touched |= dict.fromkeys(names)
        sharing: dict[str, None] = {}
        for name in list(touched):
            for one in self._reaches[name][1].objects:
                owners = self._owners.get(one)
                if owners is not None and len(owners) > 1:
                    sharing |= dict.fromkeys(owners)
        return frozenset(read), list(touched | sharing)

    def _digests(self, names: dict[str, Any], reached: list[str], read: frozenset[str]) -> dict[str, Digest]:
        allowed = Allowance(4 * self.budget_s)
        digests = {}
        for name in reached:
            if name not in names or is_atom(names[name]):
                continue  # what a token tells whole needs no digest
            if (rest := allowed.left()) <= 0:
                digests[name] = OPAQUE
                continue
            # Names that the cell mentions come first and may take it all; one of the others leaves time for the rest.
            left = max(rest - 3 * self.budget_s, self.budget_s / 100)
            digests[name] = digest(names[name], left if name in read else min(left, self.budget_s / 5))
        return digests

    def _follow(
        self,
        names: dict[str, Any],
        tokens: dict[str, object],
        suspected: Iterable[str],
        namespace: Mapping[str, Any],
        *,
        changed: Mapping[str, Any] = {},
    ) -> None:
        """Bring up to date what each suspected name leads to, if it is new or other than when last followed."""
        self._followed = tokens
        for name in self._reaches.keys() - names.keys():
            self._forget(name)
        for name in suspected:
            now = tokens[name]
            known = self._reaches.get(name)
            if known is not None and known[0] == now and name not in changed:
                continue
            self._forget(name)
            found = reach(names[name], namespace)
            self._reaches[name] = (now, found)
            for one in found.objects:
                self._owners.setdefault(one, set()).add(name)

    def _forget(self, name: str) -> None:
        _, old = self._reaches.pop(name, (None, NOTHING))
        for one in old.objects:
            owners = self._owners.get(one, set())
            owners.discard(name)
            if not owners:
                self._owners.pop(one, None)


def _is_value(told: object) -> bool:
    """Whether a token tells the value itself."""
    return type(told) is tuple and type(told[0]) is type
