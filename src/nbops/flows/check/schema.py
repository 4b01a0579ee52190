"""Whether clients of the live version would notice a new one."""

from __future__ import annotations

from nbops.flows.check.subject import Finding, Subject
from nbops_serving.manifest import Column, Signature


class Schema:
    """Whatever the live version's clients send, this version takes, and its answers are of the same kind."""

    name = "schema"

    def run(self, subject: Subject) -> Finding:
        """Compare the two signatures."""
        if subject.live is None:
            return Finding("skipped", "no version of this model is live, so nobody relies on its schema")
        wrong = incompatibilities(subject.live.signature, subject.version.signature)
        live = f"{subject.live.model}@{subject.live.number}"
        if wrong:
            return Finding("failed", f"clients of {live} would be refused or misled: {'; '.join(wrong)}")
        return Finding("passed", f"takes everything that clients of {live} send")


# What a client may have sent under the key, a column of the kind in the value takes as well.
_TAKEN_BY = {
    "integer": {"integer", "number"},
    "category": {"category", "text"},
    "text": {"text", "category"},
}


def incompatibilities(live: Signature, new: Signature) -> list[str]:
    """What the live version's clients would stumble over.

    Args:
        live: the signature they were made for.
        new: the signature that would answer them.

    Returns:
        One sentence for each difference that breaks a client; empty when none does.

    Example:
        >>> age = Column(name="age", kind="number")
        >>> incompatibilities(Signature(columns=[age]), Signature(columns=[age, Column(name="city", kind="text")]))
        ["it needs 'city', which they do not send"]
    """
    known = {column.name: column for column in live.columns}
    wrong = []
    for column in new.columns:
        before = known.get(column.name)
        if before is None:
            if not column.optional:
                wrong.append(f"it needs {column.name!r}, which they do not send")
            continue
        wrong += _narrowed(before, column)
    if live.output != new.output:
        wrong.append(f"it answers with a {new.output} instead of a {live.output}")
    gone = [repr(value) for value in live.classes or [] if new.classes is not None and value not in new.classes]
    if gone:
        wrong.append(f"it never answers {', '.join(gone)} any more")
    return wrong


def _narrowed(before: Column, now: Column) -> list[str]:
    wrong = []
    if now.kind not in _TAKEN_BY.get(before.kind, {before.kind}):
        wrong.append(f"{now.name!r} has to be {now.kind} and was {before.kind}")
    if before.optional and not now.optional:
        wrong.append(f"{now.name!r} may not be missing any more")
    return wrong
