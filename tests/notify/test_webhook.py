from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nbops.errors import NotifyError, SettingsError
from nbops.notify import Notice
from nbops.notify.webhook import Slack, Webhook


def test_a_webhook_gets_the_whole_notice_as_json(inbox: Any, notice: Notice) -> None:
    Webhook({"url_env": "HOOK", "token_env": "TOKEN"}, {"HOOK": inbox.url, "TOKEN": "abc"}).send(notice)
    ((headers, body),) = inbox.requests
    assert msgspec.convert(body, Notice) == notice
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer abc", notice.id)


def test_slack_gets_one_text_in_which_nothing_of_the_users_is_markup(inbox: Any, notice: Notice) -> None:
    Slack({"url_env": "HOOK"}, {"HOOK": inbox.url}).send(notice)
    text = inbox.requests[0][1]["text"]
    assert "&lt;rows&gt; &amp; nothing" in text
    assert text.endswith("<https://hub.example.org/lab?nbops-run=77|Open in JupyterLab>")


@pytest.mark.parametrize(
    ("status", "code"), [(503, "notice_unreachable"), (429, "notice_unreachable"), (404, "notice_refused")]
)
def test_an_answer_says_whether_it_makes_sense_to_try_again(inbox: Any, notice: Notice, status: int, code: str) -> None:
    inbox.answers.append((status, {}))
    with pytest.raises(NotifyError, match=f"127.0.0.1 answered {status}") as caught:
        Webhook({"url": inbox.url}, {}).send(notice)
    assert caught.value.code == code
    assert "T0KEN" not in str(caught.value)


def test_a_redirect_is_not_followed_with_the_token(inbox: Any, notice: Notice) -> None:
    inbox.answers.append((302, {"Location": inbox.url + "/elsewhere"}))
    with pytest.raises(NotifyError, match="302"):
        Webhook({"url": inbox.url, "token_env": "T"}, {"T": "abc"}).send(notice)
    assert len(inbox.requests) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "url_env"),
        ({"url": "https://a.example", "url_env": "A"}, "url_env"),
        ({"url": "https://ada:secret@a.example/"}, "environment variable"),
        ({"url": "https://a.example/?key=secret"}, "environment variable"),
        ({"url": "file:///etc/passwd"}, "not an http"),
    ],
    ids=["neither", "both", "password", "query", "scheme"],
)
def test_an_address_with_a_secret_in_it_is_not_taken_from_the_file(options: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        Webhook(options, {"A": "https://a.example"})
    assert "secret" not in caught.value.message
