"""The user's names in a namespace that IPython fills with its own, found without walking through all of those.

IPython adds names such as ``_i17`` with every cell. After ten thousand cells they outnumber the user's by far, and a
look at each of them would cost more than all the rest of a cell's record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

_HIDDEN = re.compile(r"__\w+__|_+|_i+|_i?\d+|_[dios]h|_exit_code|In|Out|exit|quit|get_ipython|open")
"""What IPython keeps in the namespace for itself."""
_SUSPECT = frozenset("_IOeqgo")
_WALK_EVERY = 256
"""Looks after which all names are walked through, whatever the count of names says."""


class Names:
    """Knows which names of one namespace are IPython's own."""

    def __init__(self) -> None:
        self._hidden: set[str] = set()
        self._visible: dict[str, None] = {}
        self._looks = 0

    def look(self, namespace: Mapping[str, Any], mentioned: Iterable[str] = ()) -> dict[str, Any]:
        """Return the user's names with what they hold.

        Args:
            namespace: the notebook's globals, a dict.
            mentioned: names that are likely to be new.

        Example:
            >>> Names().look({"x": 1, "_i3": "x = 1", "In": []})
            {'x': 1}
        """
        self._looks += 1
        found: dict[str, Any] = {}
        for name in self._visible:
            if name in namespace:
                found[name] = namespace.get(name)
        fresh = len(namespace) - len(found) - len(self._hidden)
        is_due = fresh < 0 or self._looks % _WALK_EVERY == 1
        # As many of IPython's names may have gone as there are new ones; the cell's own are not missed.
        is_due = is_due or (not fresh and any(name in namespace and not self._knows(name) for name in mentioned))
        if is_due or not self._add(found, namespace, fresh):
            found = self._walk(namespace)
        self._visible = dict.fromkeys(found)
        return found

    def _knows(self, name: str) -> bool:
        return name in self._visible or name in self._hidden

    def _add(self, found: dict[str, Any], namespace: Mapping[str, Any], fresh: int) -> bool:
        """Add new names, which stand at the end; False when they do not, so that others must have gone."""
        reach, new = fresh + 8, list[str]()
        while len(new) < fresh:
            # Listed by one C call: threads of the user may add names meanwhile.
            last: list[str] = list(islice(reversed(namespace), reach))  # type: ignore[arg-type]  # a dict, as every shell's is
            new = [name for name in last if name not in found and name not in self._hidden]
            if len(last) < reach and len(new) < fresh:
                return False
            reach *= 4
        for name in reversed(new):
            if is_hidden(name):
                self._hidden.add(name)
            elif name in namespace:
                found[name] = namespace.get(name)
        return True

    def _walk(self, namespace: Mapping[str, Any]) -> dict[str, Any]:
        everything = list(namespace.items())
        self._hidden = {name for name, _ in everything if is_hidden(name)}
        return {name: thing for name, thing in everything if name not in self._hidden}


def is_hidden(name: str) -> bool:
    """Whether a name is one that IPython keeps for itself."""
    return name[:1] in _SUSPECT and _HIDDEN.fullmatch(name) is not None
