"""The frozen tables against the records, and migrations."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from nbops.errors import StoreVersionError
from nbops.records import NOUNS, Run
from nbops.store import migrations
from nbops.store.migrations import path_of
from nbops.store.schema import DIALECTS, ddl
from nbops.store.sqlite import SqliteStore
from nbops.store.tables import NAMES, table_of

CURE = (
    "a record changed: run `python -m nbops.store.schema` (after the first release, see the docstring of that module)"
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_frozen_tables_are_those_of_the_records(dialect):
    assert path_of(1, dialect).read_text("utf-8") == ddl(dialect), CURE


def test_every_noun_has_a_name_for_its_table():
    assert set(NAMES) == set(NOUNS)
    assert len(set(NAMES.values())) == len(NAMES)


def test_every_migration_has_its_text_for_both_databases():
    wanted = {path_of(number, dialect) for number in range(1, migrations.CURRENT + 1) for dialect in DIALECTS}
    assert set(path_of(1, "sqlite").parent.glob("*.sql")) == wanted


def test_a_new_store_records_its_migrations(tmp_path: Path):
    SqliteStore(tmp_path / "store.db").close()

    with sqlite3.connect(tmp_path / "store.db") as connection:
        rows = connection.execute("SELECT number, name FROM migrations").fetchall()
    connection.close()
    assert rows == [(number + 1, name) for number, name in enumerate(migrations.MIGRATIONS)]


def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()

    for read_only in (False, True):
        with pytest.raises(StoreVersionError, match="version 99, newer than this nbops") as caught:
            SqliteStore(path, read_only=read_only)
        assert caught.value.hint == "pip install --upgrade nbops"
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = migrations.script(1, "sqlite") + "CREATE TABLE runs (id);\n"
    monkeypatch.setattr(migrations, "script", lambda number, dialect: script)
    with pytest.raises(Exception, match="already exists"):
        SqliteStore(tmp_path / "store.db")

    with sqlite3.connect(tmp_path / "store.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()


def test_the_change_log_names_exactly_the_fields_that_changed(tmp_path: Path):
    with SqliteStore(tmp_path / "store.db") as store:
        store.put(Run(id="a", name="n", kind="named", started_at=1.0))
        store.update(Run, "a", status="failed", name="n", note="x")
        told = store._rows("SELECT noun, id, what FROM changes ORDER BY seq")
    assert told == [("runs", "a", "*"), ("runs", "a", ",status,note")]


def test_columns_are_the_fields_of_the_records():
    text = path_of(1, "sqlite").read_text("utf-8")
    for kind in NOUNS:
        table = table_of(kind)
        body = re.search(rf"CREATE TABLE {table.name} \((.*?)\n\)", text, re.DOTALL)
        assert body, table.name
        assert re.findall(r'^    "(\w+)"', body[1], re.MULTILINE) == list(kind.__struct_fields__)
