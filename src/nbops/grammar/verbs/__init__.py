"""Every verb, in the order a newcomer meets them."""

from __future__ import annotations

import difflib

from nbops.errors import UsageError
from nbops.grammar.language import Verb
from nbops.grammar.verbs.endpoints import ENDPOINTS
from nbops.grammar.verbs.functions import FUNCTIONS
from nbops.grammar.verbs.models import MODELS
from nbops.grammar.verbs.others import OTHERS
from nbops.grammar.verbs.retraining import RETRAINING
from nbops.grammar.verbs.runs import RUNS
from nbops.grammar.verbs.schedules import SCHEDULES
from nbops.grammar.verbs.start import START

VERBS: tuple[Verb, ...] = (
    *START,
    *RUNS,
    *FUNCTIONS,
    *RETRAINING,
    *SCHEDULES,
    *MODELS,
    *ENDPOINTS,
    *OTHERS,
)


def verb_named(name: str) -> Verb:
    """Return the verb of this name.

    Raises:
        UsageError: there is none; near names are shown.

    Example:
        >>> verb_named("runs").topic
        'runs'
    """
    for verb in VERBS:
        if verb.name == name:
            return verb
    near = difflib.get_close_matches(name, [verb.name for verb in VERBS], n=3)
    raise UsageError(
        f"nbops has no verb {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""),
        code="unknown_verb",
        hint=f"nbops {near[0]} --help" if near else "nbops --help",
    )
