import pickle

import pytest

from nbops import errors
from nbops.errors import NbopsError, StoreLockedError

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NbopsError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_in_the_module_docstring(kind: type[NbopsError]) -> None:
    assert kind.__name__ in (errors.__doc__ or ""), f"draw {kind.__name__} into the docstring of nbops/errors.py"


def test_codes_are_unique_over_the_tree() -> None:
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)


def test_error_crosses_a_process_with_its_code_and_hint() -> None:
    error = StoreLockedError("held by 42", code="busy", hint="kill 42")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.code, copy.hint) == (StoreLockedError, "held by 42", "busy", "kill 42")


def test_ipython_shows_the_message_and_the_hint_without_a_stack() -> None:
    (shown,) = NbopsError("no run 'x'", hint="nbops runs")._render_traceback_()
    assert "no run 'x'" in shown
    assert "→ nbops runs" in shown
    assert "Traceback" not in shown
