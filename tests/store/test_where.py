"""The expression language: errors that show the place, and whatever is typed does no harm."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbops.errors import UsageError
from nbops.records import Metric, Param, Run, new_id
from nbops.store import where
from nbops.store.postgres import PostgresStore
from nbops.store.sqlite import SqliteStore


@pytest.fixture(scope="module")
def store() -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "store.db") as made:
        made.put(Run(id="1" * 32, name="a", kind="named", started_at=1.0, tags={"t": "x"}))
        made.log_params([Param(run_id="1" * 32, name="p", value=4, at=1.0)])
        made.log_metrics([Metric(run_id="1" * 32, name="m", step=None, value=0.5, at=1.0)])
        yield made


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[PostgresStore]:
    address = request.getfixturevalue("postgres_server").new_schema(f"s{new_id()}")
    with PostgresStore(address) as made:
        made.put(Run(id="1" * 32, name="a", kind="named", started_at=1.0))
        yield made


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("metrics.acc >", "expected a value", ""),
        ("acc > 1", "no field 'acc'", "acc"),
        ("metric.acc >> 1", "expected a value, not '>'", ">"),
        ("stats = failed", "did you mean 'status'", "stats"),
        ("status = done", "status is one of running, finished", "status = done"),
        ("(name = a", "expected ')'", ""),
        ("name = a)", "expected 'and', 'or' or the end, not ')'", ")"),
        ("name = a name = b", "expected 'and', 'or' or the end", "name"),
        ("name = a and", "expected a field", ""),
        ("name in a", "expected '('", "a"),
        ("name in (a b)", "expected ',' or ')'", "b"),
        ("name not a", "expected 'in' after 'not'", "a"),
        ("metrics.acc ~ 1", "is a number, so ~ cannot", "metrics.acc ~ 1"),
        ("metrics.acc = abc", "is a number, so it cannot be compared", "metrics.acc = abc"),
        ("started_at > soonish", "is no time", "started_at > soonish"),
        ("name < none", "none compares with = and != only", "name < none"),
        ("name = 'open", "cannot stand here", "'"),
        ("name = $1", "'$' cannot stand here", "$"),
        ("and = 1", "expected a field, not 'and'", "and"),
        ("not" * 0 + "not " * 60 + "name = a", "levels of parentheses", "n"),
    ],
)
def test_errors_show_the_place(store: SqliteStore, text: str, message: str, marked: str) -> None:
    with pytest.raises(UsageError) as caught:
        store.search_runs(text)
    assert message in caught.value.message
    *_, line, marks = caught.value.message.splitlines()
    assert caught.value.code == "bad_expression"
    assert line[marks.index("^") :].startswith(marked)
    assert len(marks.strip()) == max(1, len(marked))


@pytest.mark.parametrize(
    "text", ["-", "nonsense", "metrics", "-metrics.", "a b", "name,", ",", "name;", "--name", "model"]
)
def test_orderings_that_are_none_are_refused(store: SqliteStore, text: str) -> None:
    if text == "name,":
        assert [order.field.name for order in where.orders(text)] == ["name"]
        return
    with pytest.raises(UsageError):
        store.search_runs(order_by=text)


def test_too_much_is_refused_before_the_database_sees_it(store: SqliteStore) -> None:
    for text in ("name = '" + "x" * 20_000 + "'", " or ".join(["name = a"] * 500), "(" * 500 + "name = a" + ")" * 500):
        with pytest.raises(UsageError):
            store.search_runs(text)
    assert store.count_runs(" or ".join(["name = a"] * 200)) == 1


def test_quotes_and_backticks_are_read_as_written() -> None:
    assert where.parse("name = 'it''s'").texts == ("it's",)
    assert where.parse(r'name = "a\"b"').texts == ('a"b',)
    assert where.parse("params.`a``b c` = 1").field == where.Field("params", "a`b c")
    assert where.parse("tags.a.b-c/d:e = 1").field == where.Field("tags", "a.b-c/d:e")


def test_and_binds_closer_than_or() -> None:
    tree = where.parse("name = a or name = b and not name = c")

    assert isinstance(tree, where.Any_)
    assert isinstance(tree.parts[1], where.All)
    assert isinstance(tree.parts[1].parts[1], where.Not)


WORDS = """
metrics.m params.p tags.t metrics.`a b` status name started_at duration_s model data git_dirty = != < <= > >= ~ in not
and or ( ) , 1 -2.5 1e3 nan inf none true 'x' "y" failed 2026-01-01 yesterday '7_days' ` ' " ; -- /* \\ DROP TABLE runs
✓ % ? :a . .. - metrics. .5 /x
"""
PIECES = st.sampled_from([*WORDS.split(), "\x00", "\ud800", "'7 days ago'"])
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def harmless(store: SqliteStore | PostgresStore, text: str, order_by: str | None = None) -> None:
    try:
        store.search_runs(text, order_by=order_by)
        store.count_runs(text)
    except UsageError:
        pass
    assert [run.name for run in store.find(Run)] == ["a"]


@FUZZ
@given(st.lists(PIECES, max_size=14).map(" ".join))
def test_no_mixture_of_words_crashes_or_harms(store: SqliteStore, text: str) -> None:
    harmless(store, text)


@FUZZ
@given(st.text(max_size=60), st.none() | st.text(max_size=20))
def test_no_text_crashes_or_harms(store: SqliteStore, text: str, order_by: str | None) -> None:
    harmless(store, text, order_by)


@FUZZ
@given(st.sampled_from(["name", "tags.t", "params.p", "notebook", "model"]), st.text(max_size=30))
def test_any_value_can_be_quoted_and_stays_a_value(store: SqliteStore, field: str, value: str) -> None:
    quoted = "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    tree = where.parse(f"{field} = {quoted}")

    assert tree.texts == (value,)  # type: ignore[union-attr]
    # The SQL is the same whatever the value is, but for how it compares: as a number or as a text.
    shapes = {where.condition(f"{field} = '{other}'", "sqlite").sql for other in ("word", "1")}
    assert where.condition(f"{field} = {quoted}", "sqlite").sql in shapes
    harmless(store, f"{field} ~ {quoted}")


FIELDS = "metrics.m params.p tags.t status name started_at duration_s model data git_dirty pid note id"
VALUES = "1 -2.5 1e999 nan inf none true 'x' failed 2026-01-01 yesterday '7_days' '\x00' '%s' '\ud800'"
COMPARISON = st.tuples(
    st.sampled_from(FIELDS.split(" ")),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~"]),
    st.sampled_from(VALUES.split(" ")),
).map(" ".join)


@pytest.mark.postgres
@settings(FUZZ, max_examples=150)
@given(st.lists(COMPARISON, min_size=1, max_size=4).map(" or ".join), st.none() | st.sampled_from(FIELDS.split(" ")))
def test_no_comparison_of_any_kinds_crashes_postgresql(shared: PostgresStore, text: str, order_by: str | None) -> None:
    harmless(shared, text, order_by)
