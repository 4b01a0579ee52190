"""The one object that takes secrets out of what is about to be kept: sources, outputs, errors, parameters, records.

The first question, could there be a secret in it at all, has to cost next to nothing, because the answer is mostly no;
what finds secrets is loaded at the first yes.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from nbops.masking.known import VALUES, Values
from nbops.records import CellExecution, ModuleVersion, Param, Secret

if TYPE_CHECKING:
    from nbops.masking.formats import Found
    from nbops.masking.project import Names

T = TypeVar("T")
# Words that secrets are called by, in small letters. They are looked for one after the other: a search for a plain word
# is a hundred times quicker than one regular expression for all of them.
WORDS = (
    "pass", "pw", "secret", "token", "key", "auth", "cred", "bearer", "basic ", "cookie", "login", "sign_in", "senha",
    "wort", "woord", "contrase", "connect(", "://", "-u", " -p",
)  # fmt: skip
_DIGIT = re.compile("[0-9]")
PIECE = re.compile(r"[^\s\"'`,;<>(){}\[\]|\\]{16,}")
# Fields that hold ids, hashes and words of our own: nothing of a user's can be in them.
_OURS = frozenset({
    "id", "run_id", "parent_id", "execution_id", "cell_id", "sweep_id", "environment_id", "digest", "status", "kind",
    "process", "git_commit", "fingerprint", "profile_digest", "evidence_digest", "best_run_id", "bundle_id",
    "model_version_id", "secrets", "media_types", "dataset_ids", "module_version_ids", "packages", "platform", "python",
})  # fmt: skip
_MOST_NAMES = 10_000
MARGIN = 8_192
"""How much more than what is kept is looked at, so that a secret at the end is not cut in two."""


def is_suspicious(text: str) -> bool:
    """Whether a text has anything in it that a secret could hang on; most have not."""
    lowered = text.lower()
    for word in WORDS:  # twice in every cell, where a generator costs twice as much
        if word in lowered:
            return True
    # Splitting is far quicker than the pattern, and mostly answers the question.
    return any(len(piece) >= 16 for piece in text.split()) and any(map(_is_odd, PIECE.findall(text)))


def _is_odd(piece: str) -> bool:
    """Names of modules are long as well, but few have digits, and none goes on for ever."""
    return len(piece) >= 30 or _DIGIT.search(piece) is not None


class Masker:
    """Takes the secrets of one project out of texts and records.

    Args:
        folder: where the project's key is kept; None gives ids for this process only.
        is_on: whether anything is masked at all.
        allowed: values, and ids of values, that are no secrets.
        values: what is known to be secret; the process's own when not given.

    Example:
        >>> masker = Masker(None, values=Values())
        >>> masker.text("password=" + "hunter2!").startswith("password=[masked: ")
        True
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        is_on: bool = True,
        allowed: Sequence[str] = (),
        values: Values = VALUES,
    ) -> None:
        self.is_on = is_on
        self.values = values
        self._folder = folder
        self._ids: Names | None = None
        self._allowed = frozenset(allowed)
        for value in allowed:
            values.allow(value)
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._fresh: list[Secret] = []
        self._clean = ""
        self._named: dict[str, str] = {}
        self._names_of = -1

    # ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, text: str) -> str:
        """A text without its secrets, each replaced by ``[masked: ID kind]``."""
        if not self.is_on or text is self._clean or not self._may_hold(text):
            return text
        from nbops.masking import texts

        found = texts.without_overlaps([*texts.find(text), *self._known(text)])
        for item in reversed(found):
            value = text[item.start : item.end]
            if not self._is_allowed(value):
                text = text[: item.start] + self._mark(value, item.kind) + text[item.end :]
        # What was just learnt may stand elsewhere in it in another spelling.
        for start, end, known in reversed(self.values.find(text)) if found else ():
            text = text[:start] + self._mark(known.value, known.kind) + text[end:]
        self._clean = text
        return text

    def head(self, text: str, limit: int) -> str:
        """The first ``limit`` characters of a text without its secrets; one at the limit is masked whole."""
        masked = self._clean = self.text(text[: limit + MARGIN])[:limit]
        return masked

    def tail(self, text: str, limit: int) -> str:
        """The last ``limit`` characters of a text without its secrets, likewise."""
        return self.text(text[-limit - MARGIN :])[-limit:]

    def source(self, text: str) -> tuple[str, list[str]]:
        """A cell's source without its secrets, and the ids of those it had; what is left still runs.

        Example:
            >>> masked, ids = Masker(None, values=Values()).source('password = "' + 'hunter2!"')
            >>> masked == f'password = nbops.secret("{ids[0]}")'
            True
        """
        if not self.is_on or not self._may_hold(text):
            return text, []
        ids: dict[str, None] = {}

        def id_of(value: str, kind: str) -> str:
            secret_id = self.id_of(value, kind)
            ids[secret_id] = None
            return secret_id

        from nbops.masking.sources import Rewriter

        masked = Rewriter(text, self.values, id_of, is_allowed=self._is_allowed).rewritten()
        return (text, []) if masked == text else (masked, [one for one in ids if one in masked.lower()])

    def pair(self, name: str, value: Any) -> Any:
        """A value without its secrets, given what it is called."""
        if not self.is_on:
            return value
        if not is_suspicious(name):
            return self.text(value) if isinstance(value, str) else self.built(value, name)
        from nbops.masking import words

        if isinstance(value, str):
            if words.is_secret(name, value) and not self._is_allowed(value):
                return self._mark(value, words.kind_of(name))
            return self.text(value)
        if isinstance(value, int) and not isinstance(value, bool) and words.is_password(name) and value > 999:
            return self._mark(str(value), "password")
        return self.built(value, name)

    def built(self, value: Any, name: str = "") -> Any:
        """Plain values (dicts, lists, texts) without their secrets."""
        if isinstance(value, str):
            return self.pair(name, value)
        if isinstance(value, Mapping):
            return {
                self.text(key) if isinstance(key, str) else key: self.pair(str(key), item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return type(value)([self.built(item, name) for item in value])
        return value

    def _may_hold(self, text: str) -> bool:
        return self.values.is_in(text) or is_suspicious(text)

    def _known(self, text: str) -> list[Found]:
        from nbops.masking.formats import Found

        return [Found(start, end, known.kind) for start, end, known in self.values.find(text)]

    def name(self, name: str) -> str:
        """A name without secrets, quick for those that come again and again."""
        if self._names_of != self.values.version or len(self._named) > _MOST_NAMES:
            self._named, self._names_of = {}, self.values.version
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self.text(name)
        return found

    def kinds(self, text: str) -> list[str]:
        """What secrets a text holds, in words, for those that are to be told of and not masked."""
        if not self.is_on or not self._may_hold(text):
            return []
        from nbops.masking import texts

        found = texts.without_overlaps([*texts.find(text), *self._known(text)])
        return list(dict.fromkeys(one.kind for one in found if not self._is_allowed(text[one.start : one.end])))

    def holds(self, text: str) -> bool:
        """Whether a text holds a secret."""
        return bool(self.kinds(text))

    def known(self, text: str) -> str:
        """A text without what is known to be secret; nothing is looked for by its form."""
        if self.is_on and self.values.is_in(text):
            for start, end, known in reversed(self.values.find(text)):
                text = text[:start] + self._mark(known.value, known.kind) + text[end:]
        return text

    # ── records ────────────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, record: T) -> T:
        """A record without its secrets; the same object where it has none."""
        if not self.is_on or isinstance(record, Secret):
            return record
        assert isinstance(record, msgspec.Struct)
        plain = msgspec.json.encode(record).decode("utf-8", "replace")
        if not self._may_hold(plain):
            return record
        changed = {name: self.field(type(record), name, getattr(record, name)) for name in record.__struct_fields__}
        if isinstance(record, CellExecution):
            changed["source"], found = self.source(record.source)
            changed["secrets"] = list(dict.fromkeys([*(record.secrets or ()), *found])) or None
        if isinstance(record, Param):
            changed["value"] = self.pair(record.name, record.value)
        return msgspec.structs.replace(record, **changed)

    def field(self, kind: type, name: str, value: Any) -> Any:
        """One field's value without its secrets."""
        if not self.is_on or value is None or name in _OURS:
            return value
        if name == "source" and isinstance(value, str) and kind in (CellExecution, ModuleVersion):
            return self.source(value)[0]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, msgspec.Struct):
            inner = {each: self.field(type(value), each, getattr(value, each)) for each in value.__struct_fields__}
            return msgspec.structs.replace(value, **inner)
        if isinstance(value, Mapping):
            return self.built(value)
        if isinstance(value, list):
            return [self.field(kind, "", item) for item in value]
        return value

    # ── ids ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def id_of(self, value: str, kind: str) -> str:
        """The id of a secret; it is masked everywhere from now on, and told once."""
        secret_id = self._named_by_key(value)
        self.values.learn(value, kind)
        if secret_id not in self._told:
            known = self.values.get(value)
            with self._lock:
                self._told.add(secret_id)
                variable = known.variable if known is not None else None
                self._fresh.append(Secret(id=secret_id, kind=kind, variable=variable, at=time.time()))
        return secret_id

    def take_fresh(self) -> list[Secret]:
        """Secrets that were found for the first time since this was last asked."""
        if not self._fresh:
            return []
        with self._lock:
            fresh, self._fresh = self._fresh, []
        return fresh

    def give_back(self, fresh: Sequence[Secret]) -> None:
        """Take back what could not be stored; it is asked for again."""
        with self._lock:
            self._fresh = [*fresh, *self._fresh]

    def _named_by_key(self, value: str) -> str:
        if self._ids is None:
            from nbops.masking.project import Names

            self._ids = Names(self._folder)
        return self._ids.of(value)

    def _mark(self, value: str, kind: str) -> str:
        from nbops.masking.marks import mark

        known = self.values.whole(value)
        if known is not None:
            value, kind = known.value, known.kind
        return mark(self.id_of(value, kind), kind)

    def _is_allowed(self, value: str) -> bool:
        return self.values.is_allowed(value) or (bool(self._allowed) and self._named_by_key(value) in self._allowed)


OFF = Masker(None, is_on=False)
"""Masks nothing."""
