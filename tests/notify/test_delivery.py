from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from nbops.errors import SettingsError, UsageError
from nbops.notify import Channel, Notice, Undelivered, channels, deliver


def a_channel(**options: Any) -> Channel:
    return Channel(name="team", kind="webhook", on=("failed",), options=options, where="pyproject.toml: team")


def test_a_server_that_is_busy_is_tried_again_with_the_same_id(inbox: Any, notice: Notice) -> None:
    inbox.answers += [(503, {}), (500, {})]
    assert deliver(notice, [a_channel(url=inbox.url)], pauses_s=(0, 0)) == []
    assert [headers["Idempotency-Key"] for headers, _ in inbox.requests] == [notice.id] * 3


def test_what_does_not_arrive_is_told_and_raises_nothing(
    inbox: Any, notice: Notice, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.answers += [(400, {})]
    with caplog.at_level(logging.WARNING, "nbops"):
        lost = deliver(notice, [a_channel(url=inbox.url), a_channel(url_env="NOT_SET")], environment={}, pauses_s=(0,))
    assert [each.channel for each in lost] == ["team", "team"]
    assert "400" in lost[0].reason
    assert "NOT_SET" in lost[1].reason
    assert len(inbox.requests) == 1, "a refusal is not tried again"
    assert "did not reach team" in caplog.text


def test_a_channel_hears_only_what_it_asked_for(inbox: Any, notice: Notice) -> None:
    import msgspec

    assert deliver(msgspec.structs.replace(notice, status="finished"), [a_channel(url=inbox.url)]) == []
    assert inbox.requests == []


def test_somebody_elses_notifier_that_breaks_is_told_as_well(notice: Notice, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbops.notify.webhook import Webhook

    def send(_self: Webhook, _notice: Notice) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Webhook, "send", send)
    lost = deliver(notice, [a_channel(url="http://127.0.0.1:1/")])
    assert lost == [Undelivered(channel="team", reason="ZeroDivisionError in the notifier 'webhook'")]


def write(project: Path, text: str) -> Path:
    (project / "pyproject.toml").write_text(text, "utf-8")
    return project


def test_channels_are_read_from_the_project(project: Path) -> None:
    write(
        project,
        '[tool.nbops.notify]\npanel = "https://hub.example.org/lab/tree/churn"\n'
        '[tool.nbops.notify.team]\nkind = "slack"\nurl_env = "HOOK"\non = ["failed"]\n',
    )
    said = channels(project)
    (team,) = said.named(["team", "team"])
    assert (team.kind, team.on, team.options) == ("slack", ("failed",), {"url_env": "HOOK"})
    assert said.link("run", "77") == "https://hub.example.org/lab/tree/churn?nbops-run=77"
    with pytest.raises(UsageError, match="did you mean 'team'"):
        said.named(["taem"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.nbops.notify]\npanel = 3\n", "panel"),
        ("[tool.nbops.notify.team]\nurl_env = 'X'\n", "kind"),
        ("[tool.nbops.notify.team]\nkind = 'slack'\non = ['ended']\n", "cancelled"),
        ("[tool.nbops.notify", "TOML"),
    ],
)
def test_a_table_that_cannot_be_understood_is_named(project: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        channels(write(project, text))


def test_an_option_that_is_wrong_is_told_with_its_table(project: Path) -> None:
    write(project, "[tool.nbops.notify.team]\nkind = 'slack'\nurl = 'https://hooks.example.org/T0KEN'\n")
    with pytest.raises(SettingsError, match=r"tool\.nbops\.notify\.team") as caught:
        channels(project).named(["team"])[0].notifier({})
    assert "T0KEN" not in str(caught.value)
