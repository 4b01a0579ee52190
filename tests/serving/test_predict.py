"""What a client gets: predictions as the notebook says them, and precise refusals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

ROW = {"age": 30, "spent": 100.0, "city": "Oslo"}


def one(**changes: Any) -> str:
    return json.dumps({"rows": [{**ROW, **changes}]})


def test_answers_are_the_notebooks_own(linear, linear_server, customers):
    answer = linear_server.post({"rows": customers.rows(100)}).json()
    expected = linear.model.predict_proba(customers.frame.head(100))
    assert answer["predictions"] == linear.model.predict(customers.frame.head(100)).tolist()
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-14)
    assert (answer["model"], answer["classes"]) == ("churn@1", [False, True])


def test_one_row_is_answered_to_the_last_bit(linear, linear_server, customers):
    answers = [linear_server.post({"rows": [row]}).json()["probabilities"][0] for row in customers.rows(20)]
    expected = [linear.model.predict_proba(customers.frame.iloc[[place]])[0].tolist() for place in range(20)]
    assert answers == expected


def test_the_original_answers_as_the_notebook(strict, strict_server, customers):
    answer = strict_server.post({"rows": customers.rows(50)}).json()
    assert answer["predictions"] == strict.model.predict(customers.frame.head(50)).tolist()
    assert "probabilities" not in answer


def test_a_request_keeps_the_id_it_came_with(linear_server):
    answer = linear_server.post(one(), x_request_id="abc-1")
    assert (answer.json()["request_id"], answer.headers["x-request-id"]) == ("abc-1", "abc-1")


def test_a_request_id_that_could_break_a_log_is_replaced(linear_server):
    assert linear_server.post(one(), x_request_id="a b;c").json()["request_id"] not in ("", "a b;c")


REFUSED = [
    pytest.param(b"", 400, "body_empty", id="nothing"),
    pytest.param(b"{", 400, "json_invalid", id="broken JSON"),
    pytest.param(b'{"rows": [{"age": NaN}]}', 400, "json_invalid", id="NaN"),
    pytest.param(b'{"rows": [{"age": -Infinity}]}', 400, "json_invalid", id="Infinity"),
    pytest.param(
        b'{"rows": [{"age": 1, "age": 2, "spent": 1, "city": "Oslo"}]}', 400, "duplicate_key", id="a key twice"
    ),
    pytest.param(b'{"rows": [], "rows": []}', 400, "duplicate_key", id="rows twice"),
    pytest.param(b"[" * 100_000, 400, "json_too_deep", id="deep arrays"),
    pytest.param(b'{"rows":' * 50_000, 400, "json_too_deep", id="deep objects"),
    pytest.param(b'{"rows": [{"city": "\xff"}]}', 400, "not_utf8", id="not UTF-8"),
    pytest.param(one(city="\ud800").encode(), 400, "json_invalid", id="half a surrogate pair"),
    pytest.param(b'{"rows": [{"age": ' + b"9" * 5000 + b"}]}", 400, "json_invalid", id="five thousand digits"),
    pytest.param(b"\xef\xbb\xbf" + one().encode(), 400, "json_invalid", id="byte order mark"),
    pytest.param(b"[]", 422, "rows_invalid", id="no object"),
    pytest.param(b"null", 422, "rows_invalid", id="null"),
    pytest.param(b"{}", 422, "rows_invalid", id="no rows"),
    pytest.param(b'{"rows": []}', 422, "rows_invalid", id="empty rows"),
    pytest.param(b'{"rows": {}}', 422, "rows_invalid", id="rows no array"),
    pytest.param(b'{"rows": [[1, 2, 3]]}', 422, "rows_invalid", id="row no object"),
    pytest.param(b'{"rows": [null]}', 422, "rows_invalid", id="row null"),
    pytest.param(b'{"instances": []}', 422, "rows_invalid", id="another protocol"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
def test_a_body_that_is_no_request_is_refused(linear_server, body, status, code):
    answer = linear_server.post(body)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]


WRONG = [
    pytest.param({"age": "thirty"}, "age", "a text is no number", "integer", id="text for a number"),
    pytest.param({"age": 30.5}, "age", "30.5 is no integer", "integer", id="fraction for an integer"),
    pytest.param({"age": 2**70}, "age", "the integer is too large", "integer", id="integer too large"),
    pytest.param({"age": True}, "age", "a boolean is no number", "integer", id="boolean for a number"),
    pytest.param({"age": None}, "age", "is null", "integer", id="null"),
    pytest.param({"spent": [1]}, "spent", "an array is no number", "number", id="array for a number"),
    pytest.param({"spent": {"a": 1}}, "spent", "an object is no number", "number", id="object for a number"),
    pytest.param({"city": 3}, "city", "a number is no text", "text", id="number for a text"),
    pytest.param({"city": None}, "city", "is null", "text", id="null for a text"),
]


@pytest.mark.parametrize(("changes", "field", "message", "expected"), WRONG)
def test_a_wrong_value_is_named_with_its_place(linear_server, changes, field, message, expected):
    answer = linear_server.post({"rows": [ROW, {**ROW, **changes}]})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["row"], error["field"], error["message"], error["expected"]) == (1, field, message, expected)


def test_a_number_that_overflows_is_refused(linear_server):
    answer = linear_server.post('{"rows": [{"age": 30, "spent": 1e400, "city": "Oslo"}]}')
    assert answer.json()["errors"][0]["message"] == "the number is too large"


def test_missing_fields_are_all_named(linear_server):
    errors = linear_server.post({"rows": [{"age": 30}]}).json()["errors"]
    assert [(error["field"], error["message"]) for error in errors] == [("spent", "is missing"), ("city", "is missing")]


def test_an_integer_may_be_written_as_a_number(linear_server):
    assert linear_server.post(one(age=30.0)).status_code == 200


def test_what_training_never_saw_is_answered_and_said(linear_server):
    answer = linear_server.post({"rows": [{"age": 200, "spent": 100.0, "city": "Mars", "shoe": 3}]})
    assert answer.status_code == 200
    notes = {(note["field"], note["code"]): note["message"] for note in answer.json()["notes"]}
    assert notes == {
        ("shoe", "extra"): "the model takes no such field; it was ignored",
        ("age", "out_of_range"): "200 is above 89.0, the largest of training",
        ("city", "unseen"): "'Mars' was not seen in training",
    }


def test_what_training_never_saw_is_counted(linear_server):
    def counted(line: str) -> float:
        lines = linear_server.get("/metrics").text.splitlines()
        return float(next(one for one in lines if one.startswith(line)).rpartition(" ")[2])

    names = [
        'nbops_unseen_values_total{column="city"}',
        'nbops_out_of_range_values_total{column="age"}',
        "nbops_extra_fields_total",
    ]
    before = [counted(name) for name in names]
    linear_server.post(one(city="Mars", age=-1, shoe=44))
    assert [counted(name) for name in names] == [number + 1 for number in before]


def test_a_policy_can_reject_what_training_never_saw(linear, start_server):
    server = start_server(linear.path, "--unseen", "reject", "--out-of-range", "reject", "--extra", "reject")
    answers = [server.post(one(**changes)) for changes in ({"city": "Mars"}, {"age": 200}, {"shoe": 3})]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    errors = [answer.json()["errors"][0] for answer in answers]
    assert [error["expected"] for error in errors] == [
        "one of: Lima, Oslo, Rome",
        "number from 18.0 to 89.0",
        "a field of the signature",
    ]


def test_a_category_that_the_model_refuses_is_refused_precisely(strict_server):
    answer = strict_server.post(one(city="Mars"))
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["expected"]) == (422, "city", "one of: Lima, Oslo, Rome")


def test_too_many_rows_are_refused(linear, start_server):
    server = start_server(linear.path, "--max-rows", "2")
    answer = server.post({"rows": [ROW] * 3})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_rows")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/json; charset=utf-16"}, 415),
        ({"content_type": "application/json; charset=UTF-8"}, 200),
        ({"content_type": "application/json;charset=utf-8"}, 200),
    ],
    ids=["plain text", "UTF-16", "UTF-8 said", "UTF-8 said without a space"],
)
def test_the_media_type_is_checked(linear_server, headers, status):
    assert linear_server.post(one(), **headers).status_code == status


def test_no_refusal_shows_where_the_server_lives(linear_server, linear):
    answers = [linear_server.post(case.values[0]).text for case in REFUSED]
    assert not any(
        str(linear.path) in answer or "nbops_serving/" in answer or "Traceback" in answer for answer in answers
    )
