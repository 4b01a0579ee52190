"""What people say about a run after it was recorded: tags, a note, another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nbops.errors import NotFoundError, UsageError
from nbops.records import Run
from nbops.store.interface import Store
from nbops.store.sql import checked_name

NOTE_CHARACTERS = 100_000
"""More than this is a document, which is kept better as an artifact."""


def tag(store: Store, run: Run, tags: Mapping[str, str] | None = None, *, remove: Sequence[str] = ()) -> Run:
    """Set and remove tags of a run; ``nbops runs --where "tags.team = a"`` finds it by them.

    Args:
        store: the project's store.
        run: whose tags.
        tags: name → value; a name that the run has already gets the new value.
        remove: names of tags to take off.

    Returns:
        The run as it is now.

    Raises:
        UsageError: nothing was asked for, or a name cannot be one.
        NotFoundError: a tag to remove is not there.
    """
    given = {checked_name(name): str(value) for name, value in (tags or {}).items()}
    if not given and not remove:
        raise UsageError("which tag?", code="no_tag", hint=f"nbops tag {run.id} team=churn")
    if both := sorted(given.keys() & set(remove)):
        raise UsageError(f"set and removed at once: {', '.join(both)}", hint=f"nbops tag {run.id} --remove {both[0]}")
    # Read again just before it is written: the record in hand may be older than somebody else's tag.
    known = store.get(Run, run.id).tags
    for name in remove:
        if name not in known:
            raise NotFoundError(
                f"run {run.name} has no tag {name!r}; it has: {', '.join(sorted(known)) or 'none'}",
                code="tag_not_found",
                hint=f"nbops show {run.id}",
            )
    kept = {name: value for name, value in known.items() if name not in remove}
    store.update(Run, run.id, tags={**kept, **given})
    return store.get(Run, run.id)


def note(store: Store, run: Run, text: str) -> Run:
    """Write a note on a run, in place of the one it has; an empty text takes it off.

    Returns:
        The run as it is now.

    Raises:
        UsageError: the text is longer than ``NOTE_CHARACTERS``.
    """
    if len(text) > NOTE_CHARACTERS:
        raise UsageError(
            f"a note has at most {NOTE_CHARACTERS:,} characters, this one {len(text):,}",
            hint="nbops.log_artifact('notes.md')",
        )
    store.update(Run, run.id, note=text)
    return store.get(Run, run.id)


def rename(store: Store, run: Run, name: str) -> Run:
    """Give a run another name; its id stays, and several runs may have one name.

    Returns:
        The run as it is now.

    Raises:
        UsageError: the name cannot be one.
    """
    name = name.strip()
    if name == "last":
        raise UsageError("'last' always means the newest run, so no run can have that name", code="bad_name")
    if "\n" in name or "\r" in name:
        raise UsageError("a name is one line", code="bad_name", hint=f"nbops note {run.id} TEXT")
    store.update(Run, run.id, name=checked_name(name))
    return store.get(Run, run.id)
