"""``model-age:churn@production>30d``: a model has grown old."""

from __future__ import annotations

import re

from nbops.errors import NotFoundError, UsageError
from nbops.records import ModelVersion
from nbops.schedule.triggers import Look, Sight, duration

_FORM = re.compile(r"(?P<model>[^<>=\s]+)\s*>\s*(?P<age>.+)")


class ModelAge:
    """Holds while the model version that a name means is older than a bar."""

    starts_from_now = False

    def check(self, what: str) -> None:
        """Refuse anything but ``MODEL>AGE``."""
        _parsed(what)

    def look(self, look: Look) -> Sight:
        """Compare the version's age with the bar; the same version has the same token."""
        name, most_s = _parsed(look.what)
        try:
            version = look.store.resolve(ModelVersion, name)
        except NotFoundError as error:
            # The first training may well be what makes it.
            return Sight(note=error.message)
        token = {"version": version.id}
        age_s = look.now - version.created_at
        if age_s <= most_s:
            return Sight(token=token, changed_at=version.created_at)
        reason = f"{version.model}@{version.number} is {age_s / 86_400:.1f} days old, the bar is {most_s / 86_400:g}"
        return Sight(reason=reason, token=token, changed_at=version.created_at)


def _parsed(what: str) -> tuple[str, float]:
    found = _FORM.fullmatch(what)
    most_s = duration(found["age"]) if found else None
    if found is None or most_s is None:
        raise UsageError(
            f"model-age:{what} cannot be understood",
            code="condition_wrong",
            hint="--when 'model-age:churn@production>30d'",
        )
    return found["model"], most_s
