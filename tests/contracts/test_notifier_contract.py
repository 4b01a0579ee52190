"""What every notifier must hold, whoever wrote it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import msgspec
import pytest

from nbops.errors import MissingError, NotifyError, SettingsError
from nbops.extending import look_up
from nbops.notify import NOTIFIERS, Notice

SECRET = "s3cr3t-T0KEN"
NAMES = sorted({*NOTIFIERS, *entry_points(group="nbops.notifiers").names})
# Enough options for each to be made, of a place on this machine where nobody listens.
OPTIONS: dict[str, dict[str, Any]] = {
    "webhook": {"url_env": "PLACE"},
    "slack": {"url_env": "PLACE"},
    "email": {
        "host": "127.0.0.1", "port": 1, "from": "nbops@example.org", "to": ["ada@example.org"], "security": "none",
        "user": "ada", "password_env": "PLACE",
    },
}  # fmt: skip
ENVIRONMENT = {"PLACE": f"http://127.0.0.1:1/{SECRET}"}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    assert request.param in OPTIONS, f"add options for {request.param!r} to OPTIONS"
    return str(request.param)


def made(name: str, options: dict[str, Any], environment: dict[str, str]) -> Any:
    return look_up("notifiers", name, built_in=NOTIFIERS)(options, environment)


def a_notice() -> Notice:
    return Notice(id="1", status="failed", title="train has failed", project="/p", at=0.0)


def test_a_place_that_does_not_answer_may_be_tried_again_and_no_secret_is_told(name: str) -> None:
    with pytest.raises(NotifyError) as caught:
        made(name, OPTIONS[name], ENVIRONMENT).send(a_notice())
    assert caught.value.code == "notice_unreachable"
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None, "the cause may hold the address"


def test_a_secret_that_is_not_set_is_named_before_anything_is_sent(name: str) -> None:
    with pytest.raises(MissingError, match="PLACE") as caught:
        made(name, OPTIONS[name], {})
    assert caught.value.hint == "export PLACE=…"


def test_an_option_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises((msgspec.ValidationError, SettingsError), match="colour"):
        made(name, {**OPTIONS[name], "colour": "red"}, ENVIRONMENT)
