"""The store's tables as SQL text, written out of the records for each database.

Migrations run frozen text (``ddl/``), never this: it makes that text, and a test compares the two.

How to change the schema:

- Before the first release: change the record, then ``python -m nbops.store.schema`` writes ``ddl/0001.*.sql`` anew.
- After it: add the field with a default, write ``ddl/NNNN.sqlite.sql`` and ``ddl/NNNN.postgres.sql`` by hand (``ALTER
  TABLE … ADD COLUMN``, then drop and make the noun's ``_set`` trigger, as this module prints it), and add the line to
  ``migrations.MIGRATIONS``. The test then compares a migrated store with a new one.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

from nbops.records import NOUNS
from nbops.store.migrations import path_of
from nbops.store.tables import Column, Table, quoted, table_of

Dialect = Literal["sqlite", "postgres"]
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgres")

# What is asked for often enough to pay for on each write. The hot tables (cells, metrics) get as few as can be.
_INDEXES: dict[str, tuple[str, ...]] = {
    "runs": (
        "started_at", "name", "notebook, id", "parent_id", "sweep_id", "firing_id", "status",
        "deleted_at, archived_at, id",
    ),
    "cells": ("run_id, position",),
    "artifacts": ("run_id", "digest", "cell, id", "of"),
    "datasets": ("run_id", "fingerprint"),
    "fits": ("run_id",),
    "module_versions": ("module, version", "run_id"),
    "models": ("name",),
    "check_results": ("model_version_id",),
    "bundles": ("model_version_id",),
    "deployments": ("endpoint",),
    "endpoints": ("name",),
    "windows": ("endpoint, at",),
    "sweeps": ("started_at",),
    "schedules": ("name",),
    "firings": ("schedule_id",),
    "environments": (),
    "secrets": (),
    "model_versions": ("run_id",),
    "reproductions": ("run_id", "rerun_id"),
}  # fmt: skip
_UNIQUE: dict[str, tuple[str, ...]] = {"model_versions": ("model, number",)}

_TYPES = {
    "sqlite": {"TEXT": "TEXT", "INTEGER": "INTEGER", "REAL": "REAL"},
    # "C" sorts by bytes, as SQLite does, and lets a prefix of an id use the index.
    "postgres": {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION"},
}


def ddl(dialect: Dialect) -> str:
    """Write the whole schema as one script for a database."""
    parts = [_SHARED_SQLITE if dialect == "sqlite" else _SHARED_POSTGRES]
    for kind in NOUNS:
        table = table_of(kind)
        parts += [_create_table(table, dialect), *_create_indexes(table.name), _triggers(table, dialect)]
    parts.append(_VALUES_SQLITE if dialect == "sqlite" else _VALUES_POSTGRES)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _create_table(table: Table[Any], dialect: Dialect) -> str:
    lines = [f"    {_column(column, dialect)}" for column in table.columns]
    # Without a rowid a cell costs one page less to write; its id is the key that all reads use anyway.
    end = ") WITHOUT ROWID;" if dialect == "sqlite" and table.name == "cells" else ");"
    return f"CREATE TABLE {table.name} (\n" + ",\n".join(lines) + f"\n{end}"


def _column(column: Column, dialect: Dialect) -> str:
    if column.name == "id":
        return f'"id" {_TYPES[dialect]["TEXT"]} PRIMARY KEY NOT NULL'
    rest = "" if column.is_optional else " NOT NULL"
    return f"{quoted(column.name)} {_TYPES[dialect][column.sql_type]}{rest}"


def _create_indexes(table: str) -> list[str]:
    made = [("INDEX", columns) for columns in _INDEXES[table]]
    made += [("UNIQUE INDEX", columns) for columns in _UNIQUE.get(table, ())]
    return [
        f"CREATE {what} {table}_by_{columns.replace(', ', '_')} ON {table} "
        f"({', '.join(quoted(name) for name in columns.split(', '))});"
        for what, columns in made
    ]


def _triggers(table: Table[Any], dialect: Dialect) -> str:
    if dialect == "postgres":
        return (
            f"CREATE TRIGGER {table.name}_changed AFTER INSERT OR UPDATE OR DELETE ON {table.name}\n"
            "    FOR EACH ROW EXECUTE FUNCTION nbops_changed();"
        )
    name = table.name
    changed = " ||\n        ".join(
        f"CASE WHEN new.{quoted(c.name)} IS NOT old.{quoted(c.name)} THEN ',{c.name}' ELSE '' END"
        for c in table.columns
        if c.name != "id"
    )
    # What belongs to a run goes with it: the run's own removal says it all.
    alone = (
        " WHEN EXISTS (SELECT 1 FROM runs WHERE id = old.run_id)\n   " if name in ("cells", "artifacts", "fits") else ""
    )
    return f"""CREATE TRIGGER {name}_put AFTER INSERT ON {name} BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('{name}', new.id, '*');
END;
CREATE TRIGGER {name}_set AFTER UPDATE ON {name} BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('{name}', new.id,
        {changed});
END;
CREATE TRIGGER {name}_gone AFTER DELETE ON {name}{alone} BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('{name}', old.id, '-');
END;"""


_SHARED_SQLITE = """
-- Written by `python -m nbops.store.schema`; frozen with the first release.

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at REAL NOT NULL,
    nbops TEXT NOT NULL
);

-- One row for each write, in the same transaction. what: '*' a new record, '-' a removed one, ',a,b' fields that
-- changed; for metrics the rowid, for params the name.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    what TEXT NOT NULL
);

-- How far each shared store has been told.
CREATE TABLE forwards (
    target TEXT PRIMARY KEY NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL
);

-- What a shared store refused; sync tries again and tells.
CREATE TABLE refused (
    target TEXT NOT NULL,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (target, noun, id, what)
) WITHOUT ROWID;
"""

_SHARED_POSTGRES = """
-- Written by `python -m nbops.store.schema`; frozen with the first release.

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    nbops TEXT NOT NULL
);

CREATE TABLE changes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    what TEXT NOT NULL
);

CREATE FUNCTION nbops_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A follower reads by number, so numbers must become visible in order: writers take turns.
    PERFORM pg_advisory_xact_lock(hashtext('nbops'), hashtext(current_schema()));
    IF TG_OP = 'DELETE' THEN
        INSERT INTO changes (noun, id, what) VALUES (TG_TABLE_NAME, OLD.id, '-');
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO changes (noun, id, what) VALUES (TG_TABLE_NAME, NEW.id, '*');
    ELSIF NEW IS DISTINCT FROM OLD THEN
        INSERT INTO changes (noun, id, what) VALUES (TG_TABLE_NAME, NEW.id, ',');
    END IF;
    PERFORM pg_notify('nbops', TG_TABLE_NAME);
    RETURN NULL;
END $$;
"""

_VALUES_SQLITE = """
-- value is native where SQL has the type; number is what it compares as; type is what it was in Python.
CREATE TABLE params (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value,
    number REAL,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX params_by_number ON params (name, number, run_id);
CREATE INDEX params_by_value ON params (name, value, run_id);
CREATE TRIGGER params_put AFTER INSERT ON params BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('params', new.run_id, new.name);
END;
CREATE TRIGGER params_set AFTER UPDATE ON params BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('params', new.run_id, new.name);
END;

-- A value that is NULL is not a number (NaN).
CREATE TABLE metrics (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER,
    value REAL,
    at REAL NOT NULL
);
CREATE INDEX metrics_by_run_id ON metrics (run_id);

-- The newest value of each metric of a run: what lists show and searches compare.
CREATE TABLE last_metrics (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER,
    value REAL,
    at REAL NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX last_metrics_by_value ON last_metrics (name, value, run_id);
CREATE TRIGGER metrics_put AFTER INSERT ON metrics BEGIN
    INSERT INTO changes (noun, id, what) VALUES ('metrics', new.run_id, new.rowid);
    INSERT INTO last_metrics (run_id, name, step, value, at)
        VALUES (new.run_id, new.name, new.step, new.value, new.at)
        ON CONFLICT (run_id, name) DO UPDATE SET step = excluded.step, value = excluded.value, at = excluded.at;
END;

-- The tags of runs, one row each, kept by the triggers below.
CREATE TABLE tags (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX tags_by_value ON tags (name, value, run_id);
CREATE TRIGGER runs_tags_put AFTER INSERT ON runs WHEN new.tags <> '{}' BEGIN
    INSERT INTO tags (run_id, name, value) SELECT new.id, key, value FROM json_each(new.tags);
END;
CREATE TRIGGER runs_tags_set AFTER UPDATE OF tags ON runs WHEN new.tags IS NOT old.tags BEGIN
    DELETE FROM tags WHERE run_id = new.id;
    INSERT INTO tags (run_id, name, value) SELECT new.id, key, value FROM json_each(new.tags);
END;
"""

_VALUES_POSTGRES = """
CREATE TABLE params (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    number DOUBLE PRECISION,
    type TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE INDEX params_by_number ON params (name, number, run_id);
CREATE INDEX params_by_value ON params (name, left(value, 200), run_id);

-- number is the value's place in the journal it came from, so that forwarding it twice adds it once.
CREATE TABLE metrics (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    step BIGINT,
    value DOUBLE PRECISION,
    at DOUBLE PRECISION NOT NULL,
    number BIGINT,
    UNIQUE (run_id, number, name, at)
);

CREATE TABLE last_metrics (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    step BIGINT,
    value DOUBLE PRECISION,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE INDEX last_metrics_by_value ON last_metrics (name, value, run_id);

CREATE FUNCTION nbops_value_logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('nbops'), hashtext(current_schema()));
    IF TG_TABLE_NAME = 'metrics' THEN
        INSERT INTO last_metrics (run_id, name, step, value, at)
            SELECT DISTINCT ON (run_id, name) run_id, name, step, value, at FROM logged ORDER BY run_id, name, seq DESC
            ON CONFLICT (run_id, name) DO UPDATE SET step = excluded.step, value = excluded.value, at = excluded.at;
    END IF;
    INSERT INTO changes (noun, id, what) SELECT DISTINCT TG_TABLE_NAME, run_id, '*' FROM logged;
    PERFORM pg_notify('nbops', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER metrics_logged AFTER INSERT ON metrics
    REFERENCING NEW TABLE AS logged FOR EACH STATEMENT EXECUTE FUNCTION nbops_value_logged();
CREATE TRIGGER params_logged AFTER INSERT ON params
    REFERENCING NEW TABLE AS logged FOR EACH STATEMENT EXECUTE FUNCTION nbops_value_logged();
CREATE TRIGGER params_replaced AFTER UPDATE ON params
    REFERENCING NEW TABLE AS logged FOR EACH STATEMENT EXECUTE FUNCTION nbops_value_logged();

CREATE TABLE tags (
    run_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE INDEX tags_by_value ON tags (name, left(value, 200), run_id);

CREATE FUNCTION nbops_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.tags = OLD.tags THEN
        RETURN NULL;
    END IF;
    DELETE FROM tags WHERE run_id = NEW.id;
    INSERT INTO tags (run_id, name, value) SELECT NEW.id, key, value FROM jsonb_each_text(NEW.tags::jsonb);
    RETURN NULL;
END $$;
CREATE TRIGGER runs_tags AFTER INSERT OR UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION nbops_tags();
"""


def _write() -> None:
    for dialect in DIALECTS:
        path = path_of(1, dialect)
        path.write_text(ddl(dialect), "utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    _write()
