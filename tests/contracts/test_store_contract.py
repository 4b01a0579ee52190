"""What every store promises: SQLite, PostgreSQL, and the journal before PostgreSQL or another package's backend."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from other_packages import installed

from nbops.errors import ConflictError, NotFoundError, StoreError, UsageError
from nbops.records import (
    NOUNS,
    Artifact,
    CellError,
    CellExecution,
    ColumnDrift,
    Definition,
    Endpoint,
    Environment,
    Firing,
    ImportedModule,
    Metric,
    Model,
    ModelVersion,
    ModuleVersion,
    OutputSummary,
    Param,
    Record,
    Run,
    Schedule,
    Sweep,
    Window,
    new_id,
)
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.interface import Store
from nbops.store.journaled import JournaledStore
from nbops.store.postgres import PostgresStore
from nbops.store.sqlite import SqliteStore
from nbops_serving.manifest import Column, Signature

KINDS = [
    "sqlite",
    "joined",
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("journaled", marks=pytest.mark.postgres),
]


def opened(request: pytest.FixtureRequest, folder: Path) -> Any:
    if request.param == "sqlite":
        return SqliteStore(folder / "store.db")
    if request.param == "joined":
        (folder / "team").mkdir()
        return JournaledStore(SqliteStore(folder / "store.db"), f"folder://{folder}/team")
    address = request.getfixturevalue("postgres_server").new_schema(f"s{new_id()}")
    if request.param == "postgres":
        return PostgresStore(address)
    return JournaledStore(SqliteStore(folder / "store.db"), address)


FOLDER_STORE = '''
"""Another package's backend: a SQLite file in a folder that several machines see."""
import contextlib

from nbops.store.shared import RefusedError
from nbops.store.sql import LOG_PARAM
from nbops.store.sqlite import SqliteStore
from nbops.store.tables import KINDS, quoted, table_of
from nbops.errors import ConflictError, NotFoundError


class FolderStore(SqliteStore):
    def __init__(self, address, *, read_only=False, timeout_s=5.0):
        super().__init__(address.removeprefix("folder://") + "/shared.db", read_only=read_only, timeout_s=timeout_s)
        self._write(lambda execute: execute(
            "CREATE TABLE IF NOT EXISTS carried (run_id TEXT, number TEXT, PRIMARY KEY (run_id, number))", ()))

    @contextlib.contextmanager
    def turn(self):
        with self._lock:
            yield self

    def apply(self, writes):
        try:
            self._write(lambda execute: [self._one(execute, write) for write in writes])
        except ConflictError as error:
            raise RefusedError(error.message) from error

    def _one(self, execute, write):
        values = tuple(write.row.values())
        if write.noun == "params":
            execute(LOG_PARAM, values)
        elif write.noun == "metrics":
            if execute("INSERT OR IGNORE INTO carried VALUES (?, ?)", (write.id, write.what)):
                execute("INSERT INTO metrics (run_id, name, step, value, at) VALUES (?, ?, ?, ?, ?)", values)
        elif write.what == "*":
            execute(table_of(KINDS[write.noun]).upsert, values)
        elif write.what == "-":
            execute(f"DELETE FROM {write.noun} WHERE id = ?", (write.id,))
            if write.noun == "runs":
                for part in ("cells", "artifacts", "params", "metrics", "last_metrics", "tags"):
                    execute(f"DELETE FROM {part} WHERE run_id = ?", (write.id,))
                execute("UPDATE runs SET parent_id = NULL WHERE parent_id = ?", (write.id,))
        else:
            sets = ", ".join(f"{quoted(name)} = ?" for name in write.row)
            execute(f"UPDATE {write.noun} SET {sets} WHERE id = ?", (*values, write.id))

    def prune(self, keep):
        self._write(lambda execute: execute(
            "DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - ?", (keep,)))

    def news(self, *, timeout_s=None):
        return iter(())
'''


@pytest.fixture(scope="module", autouse=True)
def joined_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Another package that brings the scheme ``folder``, for all tests of this module."""
    with installed(tmp_path_factory.mktemp("site"), "folder_store", FOLDER_STORE, stores={"folder": "FolderStore"}):
        yield


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = opened(request, tmp_path)
    yield made
    made.close()


def a_run(**fields: Any) -> Run:
    return msgspec.structs.replace(Run(id=new_id(), name="train", kind="named", started_at=1_000.5), **fields)


def a_version(model: str = "churn", **fields: Any) -> ModelVersion:
    signature = Signature(columns=[Column(name="age", kind="number", minimum=0.5)], classes=["no", 1, True])
    version = ModelVersion(
        id=new_id(), model=model, number=0, digest="d" * 64, flavour="joblib", signature=signature,
        type_name="sklearn.linear_model.Ridge", params={"C": 1.0, "deep": {"a": [1, None]}}, created_at=5.0,
    )  # fmt: skip
    return msgspec.structs.replace(version, **fields)


RECORDS: list[Record] = [
    Environment(id="e" * 64, python="3.11.7", platform="linux", packages={"numpy": "2.1"}, created_at=1.0),
    Run(
        id=new_id(), name="Träining ✓", kind="session", status="failed", started_at=1.25, ended_at=2.5,
        error=CellError(name="ValueError", message="bad 'quote'", traceback="…\n"), user="ada", host="h", pid=7,
        git_commit="c" * 40, git_dirty=True, tags={"stage": "prod", "a.b c": "`x`"}, note="n",
    ),
    CellExecution(
        id=new_id(), run_id=new_id(), position=3, source="x = '''\n\\'''\n%%time", status="ok", started_at=1.0,
        ended_at=2.0, cell_id="abc", execution_count=0,
        outputs=OutputSummary(text="hi", total_bytes=2, media_types=["a/b"]),
    ),
    Artifact(id=new_id(), run_id=None, name="a.png", digest="d" * 64, size_bytes=1 << 40, at=1.0),
    ModuleVersion(
        id=new_id(), module="churn.features", version="1.2.0", digest="d", path="src/x.py", source="def f(): ...",
        definitions=[Definition(name="f", kind="function", digest="q", requested=True)], provenance="live",
        created_at=1.0,
    ),
    Model(id=new_id(), name="churn", aliases={"production": 3}, created_at=1.0),
    Endpoint(
        id=new_id(), name="churn", engine="docker", address="http://127.0.0.1:8000", split={"a": 90, "b": 10},
        handle={"pid": 1, "id": "x"}, created_at=1.0, updated_at=2.0,
    ),
    Window(
        id=new_id(), endpoint="churn", model_version_id="m", from_at=0.0, to_at=1.0, rows=5, verdict="drifted", at=1.0,
        columns=[ColumnDrift(column="age", test="ks", statistic=0.5, p_value=0.25, effect=0.5, drifted=True)],
        latency_ms={"p50": 0.5},
    ),
    Sweep(id=new_id(), name="s", notebook="n.ipynb", space={"depth": [1, 2.5, "a", None, True]}, total=5,
          started_at=1.0),
    Schedule(id=new_id(), name="s", notebook="n.ipynb", params={"a": "1"}, cron="0 3 * * *", timezone="Europe/Berlin",
             conditions=["new-data:d/*"], seen={"new-data:d/*": {"digest": "x"}}, active_since=1.5, created_at=1.0),
    Firing(id=new_id(), schedule_id=new_id(), schedule="s", due_at=60.0, cause="trigger", reason="new", alive_at=61.0,
           started_at=61.0),
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_what_was_put_is_got_back_whole(store: Store, record: Record) -> None:
    store.put(record)

    assert store.get(type(record), record.id) == record


def a_firing(**fields: Any) -> Firing:
    made = next(record for record in RECORDS if isinstance(record, Firing))
    return msgspec.structs.replace(made, **{"id": new_id(), **fields})


def test_a_record_is_claimed_once(store: Store) -> None:
    ours = a_firing(reason="first")

    assert store.claim(ours)
    assert not store.claim(msgspec.structs.replace(ours, reason="second"))
    assert store.get(Firing, ours.id) == ours


def test_a_claim_is_refused_while_another_record_stands_in_its_way(store: Store) -> None:
    first, second = a_firing(), a_firing()
    in_its_way = {"schedule_id": first.schedule_id, "status": "running"}
    assert store.claim(first, **in_its_way)
    assert not store.claim(second, **in_its_way)
    assert store.find(Firing, id=second.id) == []

    store.update(Firing, first.id, status="finished")
    assert store.claim(second, **in_its_way)


def test_of_many_claims_at_once_one_is_taken(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    rivals = [a_firing(schedule_id="s") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda one: store.claim(one, schedule_id="s", status="running"), rivals))
    assert taken.count(True) == 1


def test_every_noun_has_a_table(store: Store) -> None:
    assert [store.count(kind) for kind in NOUNS] == [0] * len(NOUNS)


def test_numbers_that_are_not_finite_survive(store: Store) -> None:
    window = msgspec.structs.replace(
        next(r for r in RECORDS if isinstance(r, Window)), latency_ms={"p50": math.nan, "p99": math.inf}
    )
    store.put(window)

    found = store.get(Window, window.id)
    assert math.isnan(found.latency_ms["p50"])
    assert found.latency_ms["p99"] == math.inf
    assert found.columns == window.columns


@pytest.mark.parametrize(
    "text", ["\x00nul", "lone \ud800 surrogate", "emoji 🎉", "'; DROP TABLE runs; --", "%s ? :a $1"]
)
def test_no_text_breaks_the_store(store: Store, text: str) -> None:
    run = a_run(name=text, note=text, tags={text or "t": text})
    store.put(run)
    store.log_params([Param(run_id=run.id, name=text, value=text, at=1.0)])
    store.log_metrics([Metric(run_id=run.id, name=text, step=1, value=1.0, at=1.0)])

    found = store.get(Run, run.id)
    assert found.name.endswith(text[-3:])
    assert store.metrics(run.id)[0].name.endswith(text[-3:])
    assert len(store.search_runs()) == 1


def test_putting_again_replaces(store: Store) -> None:
    run = a_run()
    store.put(run)
    changed = msgspec.structs.replace(run, status="finished", ended_at=9.0, tags={"a": "1"})
    store.put(changed)

    assert store.find(Run) == [changed]


def test_several_records_are_put_all_or_none(store: Store) -> None:
    store.add_version(a_version())
    run = a_run()
    taken = a_version(number=1)

    with pytest.raises(ConflictError, match="has that already"):
        store.put(run, taken)
    assert store.count(Run) == 0


def test_updating_sets_only_what_is_named(store: Store) -> None:
    run = a_run(tags={"a": "1"}, note="kept")
    store.put(run)
    store.update(Run, run.id, status="failed", error=CellError(name="E", message="m"), ended_at=None)

    assert store.get(Run, run.id) == msgspec.structs.replace(
        run, status="failed", error=CellError(name="E", message="m")
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get(Run, "no"),
        lambda store: store.update(Run, "no", status="failed"),
        lambda store: store.delete(Run, "no"),
        lambda store: store.resolve(Run, "no"),
    ],
    ids=["get", "update", "delete", "resolve"],
)
def test_what_is_not_there_is_not_found(store: Store, call: Any) -> None:
    with pytest.raises(NotFoundError) as caught:
        call(store)
    assert caught.value.code == "run_not_found"
    assert caught.value.hint


def test_unknown_fields_are_refused_with_the_known_ones(store: Store) -> None:
    with pytest.raises(UsageError, match="no field 'colour'"):
        store.find(Run, colour="red")
    with pytest.raises(UsageError, match="started_at"):
        store.find(Run, order_by="-colour")
    with pytest.raises(UsageError, match="no field 'colour'"):
        store.update(Run, "x", colour="red")
    with pytest.raises(UsageError, match="keeps no 'int'"):
        store.get(int, "x")  # type: ignore[type-var]


def test_finding_filters_orders_and_pages(store: Store) -> None:
    runs = [a_run(name=f"r{n}", started_at=float(n % 3), git_dirty=bool(n % 2), notebook=None) for n in range(9)]
    store.put(*runs)

    assert [run.name for run in store.find(Run, order_by="-started_at", limit=3)] == ["r8", "r5", "r2"]
    assert [run.name for run in store.find(Run, order_by="name", limit=2, offset=7)] == ["r7", "r8"]
    assert [run.name for run in store.find(Run, offset=7)] == ["r1", "r0"]
    assert store.count(Run, git_dirty=True, notebook=None) == 4
    assert [run.name for run in store.find(Run, name="r4", kind="named")] == ["r4"]
    assert store.find(Run, limit=0) == []


def test_deleting_a_run_takes_what_belongs_to_it(store: Store) -> None:
    parent, child = a_run(), a_run()
    child = msgspec.structs.replace(child, parent_id=parent.id)
    store.put(parent, child)
    store.put(CellExecution(id=new_id(), run_id=parent.id, position=1, source="x", started_at=1.0))
    store.put(Artifact(id=new_id(), run_id=parent.id, name="a", digest="d", size_bytes=1, at=1.0))
    store.log_params([Param(run_id=parent.id, name="a", value=1, at=1.0)])
    store.log_metrics([Metric(run_id=parent.id, name="a", step=None, value=1, at=1.0)])
    store.delete(Run, parent.id)

    assert store.count(CellExecution) == store.count(Artifact) == 0
    assert store.params(parent.id) == {}
    assert store.metrics(parent.id) == []
    assert store.find(Run) == [msgspec.structs.replace(child, parent_id=None)]
    assert store.check() == []


def test_params_keep_their_types_and_are_replaced(store: Store) -> None:
    run = a_run()
    store.put(run)
    values = {"i": 4, "f": 0.1, "t": "adam", "yes": True, "no": False, "none": None, "wide": 1 << 80, "inf": -math.inf}
    store.log_params([Param(run_id=run.id, name=name, value=value, at=1.0) for name, value in values.items()])
    store.log_params([Param(run_id=run.id, name="i", value="four", at=2.0)])

    found = store.params(run.id)
    assert found == {**values, "i": "four"}
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in {**values, "i": "four"}.items()
    }


def test_metrics_keep_their_order_steps_and_nan(store: Store) -> None:
    run = a_run()
    store.put(run)
    logged = [
        Metric(run_id=run.id, name="loss", step=step, value=1.0 / (n + 1), at=1.0)
        for n, step in enumerate([3, 1, None])
    ]
    store.log_metrics(logged)
    store.log_metrics([Metric(run_id=run.id, name="loss", step=9, value=math.nan, at=0.5)])

    *first, last = store.metrics(run.id)
    assert first == logged
    assert math.isnan(last.value)
    assert math.isnan(store.search_runs()[0].metrics["loss"])


@pytest.mark.parametrize("name", ["", "x" * 501, 3, None], ids=["empty", "long", "number", "none"])
def test_names_that_cannot_be_are_refused(store: Store, name: Any) -> None:
    with pytest.raises(UsageError, match="1 to 500"):
        store.log_metrics([Metric(run_id="r", name=name, step=None, value=1.0, at=1.0)])
    with pytest.raises(UsageError, match="1 to 500"):
        store.log_params([Param(run_id="r", name=name, value=1.0, at=1.0)])


def test_versions_are_numbered_under_their_model(store: Store) -> None:
    numbers = [store.add_version(a_version(model)).number for model in ("churn", "price", "churn", "churn")]  # type: ignore[attr-defined]

    assert numbers == [1, 1, 2, 3]
    assert sorted(model.name for model in store.find(Model)) == ["churn", "price"]


def test_references_are_resolved(store: Store) -> None:
    first, second = (store.add_version(a_version()) for _ in range(2))
    model = store.find(Model)[0]
    store.update(Model, model.id, aliases={"production": 1})
    runs = [a_run(name="one"), a_run(name="two"), a_run(name="two")]
    store.put(*runs)
    module = next(r for r in RECORDS if isinstance(r, ModuleVersion))
    store.put(module)

    assert store.resolve(ModelVersion, "churn@1") == first
    assert store.resolve(ModelVersion, "churn@production") == first
    assert store.resolve(ModelVersion, "churn@latest") == store.resolve(ModelVersion, "churn") == second
    assert store.resolve(Model, "churn").id == model.id
    assert store.resolve(ModuleVersion, "churn.features@1.2.0") == module
    assert store.resolve(Run, "one") == store.resolve(Run, runs[0].id) == store.resolve(Run, runs[0].id[:31]) == runs[0]
    assert store.resolve(Run, "last") == runs[-1]


def test_ambiguous_references_are_listed(store: Store) -> None:
    runs = [a_run(name="two", id="ab" + new_id()[2:]), a_run(name="two", id="ac" + new_id()[2:])]
    store.put(*runs)

    for reference in ("two", "a"):
        with pytest.raises(UsageError, match=runs[0].id) as caught:
            store.resolve(Run, reference)
        assert runs[1].id in caught.value.message


def test_near_names_are_suggested(store: Store) -> None:
    store.add_version(a_version())

    with pytest.raises(NotFoundError, match="did you mean 'churn'"):
        store.resolve(ModelVersion, "chrun@2")


def test_changes_are_told_in_order(store: Store) -> None:
    before = store.last_change()
    run = a_run()
    store.put(run)
    # What comes and goes between two forwardings is never told by the shared store; this makes it come first.
    assert store.get(Run, run.id) == run
    store.log_metrics([Metric(run_id=run.id, name="a", step=None, value=1, at=1.0)])
    store.update(Run, run.id, status="finished")
    store.delete(Run, run.id)

    told = store.changes(before)
    assert {(change.noun, change.id) for change in told} <= {("runs", run.id), ("metrics", run.id)}
    assert ("runs", run.id) in {(change.noun, change.id) for change in told}
    assert [change.seq for change in told] == sorted(change.seq for change in told)
    assert told[-1].seq == store.last_change() > before
    assert store.changes(store.last_change()) == []
    assert store.changes(before, limit=1) == told[:1]


def test_what_points_at_nothing_is_found_by_check(store: Store) -> None:
    store.put(CellExecution(id=new_id(), run_id="gone", position=1, source="x", started_at=1.0))

    assert store.check() == ["cells: run_id 'gone' is not among the runs"]


def test_closing_twice_is_safe_and_using_after_is_told(store: Store) -> None:
    store.close()
    store.close()

    with pytest.raises(StoreError) as caught:
        store.count(Run)
    assert caught.value.code == "store_closed"


# ── searching ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_searches_leave_out_what_is_archived_or_deleted_unless_asked(store: Store) -> None:
    store.put(
        a_run(name="listed", tags={"team": "a"}),
        a_run(name="archived", archived_at=5.0, tags={"team": "a"}),
        a_run(name="deleted", deleted_at=6.0),
        a_run(name="both", archived_at=5.0, deleted_at=6.0),
    )

    def names(shelf: Any, where: str | None = None) -> list[str]:
        found = sorted(row.run.name for row in store.search_runs(where, shelf=shelf))
        assert store.count_runs(where, shelf=shelf) == len(found)
        return found

    assert [row.run.name for row in store.search_runs()] == ["listed"]
    assert store.count_runs() == 1
    assert names("archived") == ["archived"]
    assert names("deleted") == ["both", "deleted"]
    assert names("all", 'tags.team = "a" or name = both') == ["archived", "both", "listed"]
    assert names("listed", "name = listed or name = archived") == ["listed"]
    assert names("all", "deleted_at < 1970-01-02 and archived_at = none") == ["deleted"]


def test_last_and_names_mean_what_is_not_in_the_trash(store: Store) -> None:
    kept, gone, only = a_run(name="train"), a_run(name="train", deleted_at=6.0), a_run(name="lost", deleted_at=6.0)
    store.put(kept, gone, only)

    assert store.resolve(Run, "last") == kept
    assert store.resolve(Run, "train") == kept
    assert store.resolve(Run, "lost") == only
    assert store.resolve(Run, gone.id) == gone


def test_digests_are_found_in_every_field_of_every_noun(store: Store) -> None:
    run = a_run(tags={"frame": f"sha256:{'1' * 64}"})
    store.put(run, a_run(note="2" * 65))  # longer than a digest
    store.put(
        Artifact(id=new_id(), run_id=run.id, name="a", digest="a" * 64, size_bytes=1, at=1.0),
        a_version(digest="b" * 64, run_id=run.id, sources={"m.py": "c" * 64}, profile_digest="e" * 64),
    )
    store.log_params([Param(run_id=run.id, name="data", value="f" * 64, at=1.0)])

    assert store.digests() == {letter * 64 for letter in "1abcef"}
    assert store.digests(without={run.id}) == {letter * 64 for letter in "bce"}  # a model outlives its run


def test_compacting_keeps_every_row(store: Store) -> None:
    runs = [a_run(note="x" * 5_000) for _ in range(100)]
    store.put(*runs)
    for run in runs[10:]:
        store.delete(Run, run.id)

    assert store.compact() >= 0
    assert store.find(Run, order_by="id") == runs[:10]
    assert store.check() == []


@pytest.fixture(params=KINDS, scope="module")
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Four runs, made once for each kind of store: the tests below only read."""
    store = opened(request, tmp_path_factory.mktemp("searched"))
    now = time.time()
    names = {
        "a": ({"depth": 4, "opt": "adam", "on": True}, {"acc": 0.9, "loss": 1.0}, {"stage": "prod"}),
        "b": ({"depth": 8, "opt": "sgd", "on": False}, {"acc": 0.5}, {"stage": "dev", "a b": "x"}),
        "c": ({"depth": "4", "opt": "Adam W"}, {"acc": math.nan, "val/acc.top-1": 0.7}, {}),
        "d": ({}, {}, {}),
    }
    ages = {"a": 0.0, "b": 3_600.0, "c": 86_400 * 10.0, "d": 86_400 * 40.0}
    for name, (params, metrics, tags) in names.items():
        run = a_run(
            name=name, tags=tags, started_at=now - ages[name], ended_at=None if name == "d" else now - ages[name] + 10,
            status="running" if name == "d" else "finished", git_commit="abc" if name == "a" else None,
            notebook=f"books/{name}.ipynb", git_dirty={"a": True, "b": False}.get(name),
            modules=[ImportedModule(name="churn.features", path="f.py", digest="e" * 64, version="1.1.0")]
            if name == "b" else [],
        )  # fmt: skip
        store.put(run)
        store.log_params([Param(run_id=run.id, name=key, value=value, at=1.0) for key, value in params.items()])
        store.log_metrics([Metric(run_id=run.id, name=key, step=1, value=0.0, at=1.0) for key in metrics])
        store.log_metrics([Metric(run_id=run.id, name=k, step=2, value=v, at=2.0) for k, v in metrics.items()])
    run = store.resolve(Run, "a")
    store.add_version(a_version(run_id=run.id))
    store.put(*(CellExecution(id=new_id(), run_id=run.id, position=n, source="x", started_at=1.0) for n in (1, 2)))
    yield store
    store.close()


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("", "abcd"),
        ("metrics.acc > 0.6", "a"),
        ("metrics.acc >= 0.5 and metrics.acc <= 0.9", "ab"),
        ("metrics.acc != 0.5", "a"),
        ("metrics.acc = nan", "c"),
        ("metrics.acc = none", "d"),
        ("metrics.acc != none", "abc"),
        ("not metrics.acc > 0.6", "bcd"),
        ("metrics.val/acc.top-1 < 1", "c"),
        ("metrics.`val/acc.top-1` < 1e0", "c"),
        ("params.depth = 4", "ac"),
        ("params.depth = '4'", "ac"),
        ("params.depth in (4, 8)", "abc"),
        ("params.depth not in (8, 16)", "ac"),
        ("params.opt in (adam, 3)", "a"),
        ("params.opt = adam", "a"),
        ('params.opt = "Adam W"', "c"),
        ("params.opt ~ ADAM", "ac"),
        ("params.opt != adam", "bc"),
        ("params.on = true", "a"),
        ("params.on = false", "b"),
        ("tags.stage = prod", "a"),
        ("tags.`a b` = x", "b"),
        ("tags.stage = none", "cd"),
        ("status = running", "d"),
        ("status in (running, finished)", "abcd"),
        ("name = a or name = b", "ab"),
        ("(name = a or name = b) and not name = a", "b"),
        ("name ~ 'A'", "a"),
        ("notebook ~ books/", "abcd"),
        ("git_commit = abc", "a"),
        ("git_commit != abc", ""),
        ("git_commit = none", "bcd"),
        ("git_dirty = true", "a"),
        ("git_dirty = false", "b"),
        ("started_at > '7 days ago'", "ab"),
        ("started_at >= '2 weeks ago' and started_at < yesterday", "c"),
        ("started_at < 2100-01-01", "abcd"),
        ("started_at = 1999-12-31", ""),
        ("started_at = '1999-12-31T10:00:00+00:00'", ""),
        ("duration_s >= 10", "abc"),
        ("duration_s = none", "d"),
        ("ended_at = none", "d"),
        ("model = churn@1", "a"),
        ("model = churn", "a"),
        ("model != churn", ""),
        ("model = none", "bcd"),
        ("data = none", "abcd"),
        ("module ~ features", "b"),
        ("module = churn.features@1.1.0", "b"),
        ("module = churn.features@1.0.0", ""),
        ("module = none", "acd"),
    ],
)
def test_expressions_select(searched: Store, where: str, names: str) -> None:
    found = searched.search_runs(where, order_by="name")

    assert "".join(summary.run.name for summary in found) == names
    assert searched.count_runs(where) == len(names)


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        (None, "dcba"),
        ("name", "abcd"),
        ("-name", "dcba"),
        ("metrics.acc", "badc"),
        ("-metrics.acc", "abdc"),
        ("-metrics.acc,-name", "abdc"),
        ("params.depth,name", "acbd"),
        ("-params.depth,name", "bacd"),
        ("-duration_s,name", "abcd"),
        ("tags.stage", "badc"),
        ("-started_at", "abcd"),
    ],
)
def test_orderings_put_what_lacks_the_field_last(searched: Store, order_by: str | None, names: str) -> None:
    found = searched.search_runs(order_by=order_by)
    paged = [searched.search_runs(order_by=order_by, limit=1, offset=n)[0] for n in range(4)]

    assert "".join(summary.run.name for summary in found) == names
    assert "".join(summary.run.name for summary in paged) == names


def test_summaries_show_params_last_metrics_and_cells(searched: Store) -> None:
    run = searched.resolve(Run, "a")

    (summary,) = searched.search_runs("name = a")
    assert (summary.run, summary.params, summary.metrics, summary.cells) == (
        run, {"depth": 4, "on": True, "opt": "adam"}, {"acc": 0.9, "loss": 1.0}, 2,
    )  # fmt: skip


# ── which backend an address means ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", ["sqlite:///{}/other.db", "{}/other.db"], ids=["address", "path"])
def test_a_local_file_may_be_named_by_address_or_path(tmp_path: Path, address: str) -> None:
    with open_store(load_settings(tmp_path, env={"NBOPS_STORE": address.format(tmp_path)})) as opened:
        assert isinstance(opened, SqliteStore)
        assert opened.path == tmp_path / "other.db"


def test_the_scheme_of_an_address_chooses_another_packages_backend(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    settings = load_settings(tmp_path, env={"NBOPS_STORE": f"folder://{tmp_path}/team"})
    with open_store(settings) as here:
        assert isinstance(here, JournaledStore)
        here.put(a_run(name="told"))
        assert here.add_version(a_version()).number == 1  # type: ignore[attr-defined]
    with SqliteStore(tmp_path / "team" / "shared.db", read_only=True) as shared:
        assert [run.name for run in shared.find(Run)] == ["told"]


def test_what_a_joined_backend_refuses_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    one, other = (JournaledStore(SqliteStore(tmp_path / name), f"folder://{tmp_path}/team") for name in "ab")
    one.add_version(a_version())
    taken = a_version(number=1)  # the number is somebody else's
    other.journal.put(taken)
    other.journal.put(a_run(name="after"))
    synced = other.sync()

    assert [row.partition(":")[0] for row in synced.refused] == [f"model_versions {taken.id}"]
    assert (synced.waiting, one.find(Run)[0].name) == (0, "after")
    one.close()
    other.close()


def test_an_address_that_nobody_opens_is_told_with_those_that_are_opened(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, env={"NBOPS_STORE": "mongodb://somewhere/nbops"})
    with pytest.raises(StoreError, match=r"no store backend 'mongodb'; there are: .*postgresql, sqlite") as caught:
        open_store(settings)
    assert str(caught.value.hint).startswith("export NBOPS_STORE=")
