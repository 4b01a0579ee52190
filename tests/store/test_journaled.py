"""A journal in front of a real PostgreSQL that is unplugged, plugged in again, and shared by two machines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.errors import NotFoundError, StoreError, StoreVersionError
from nbops.records import CellExecution, Endpoint, Metric, Model, ModelVersion, Param, Run, new_id
from nbops.settings import load_settings
from nbops.store import forward, forwarding, open_store, sqlite
from nbops.store.blobs import without_password
from nbops.store.journaled import JournaledStore
from nbops.store.postgres import PostgresStore
from nbops.store.sqlite import SqliteStore
from nbops_serving.manifest import Signature

pytestmark = pytest.mark.postgres


def a_run(**fields: Any) -> Run:
    return msgspec.structs.replace(Run(id=new_id(), name="r", kind="session", started_at=1.0), **fields)


def a_version() -> ModelVersion:
    return ModelVersion(
        id=new_id(), model="churn", number=0, digest="d", flavour="joblib", signature=Signature(columns=[]),
        type_name="x.Y", created_at=1.0,
    )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path):
    """Make stores that share a server, each with the journal of a machine of its own."""
    made: list[JournaledStore] = []

    def make(address: str, name: str = "one") -> JournaledStore:
        store = JournaledStore(SqliteStore(tmp_path / f"{name}.db"), address, timeout_s=2.0)
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


Machine = Callable[..., JournaledStore]


def in_time(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_what_cells_write_reaches_the_team_by_itself(machine: Machine, postgres_address: str) -> None:
    store = machine(postgres_address)
    run = a_run()
    store.put(run)
    cell = CellExecution(id=new_id(), run_id=run.id, position=1, source="x", started_at=1.0)
    store.hot.open_cell(cell)
    store.hot.log_metric(run.id, "m", 0.5, step=1, at=1.0)
    store.hot.log_param(run.id, "p", True, at=1.0)
    store.hot.close_cell(cell.id, status="ok", ended_at=2.0)

    with PostgresStore(postgres_address) as shared:
        assert in_time(lambda: store.forwarder.waiting() == 0)
        assert shared.get(CellExecution, cell.id).status == "ok"
        assert shared.get(Run, run.id) == run
        assert shared.params(run.id) == {"p": True}
        assert [(m.step, m.value) for m in shared.metrics(run.id)] == [(1, 0.5)]


def test_unplugged_and_back_loses_nothing(
    machine: Machine, own_postgres: Any, caplog: pytest.LogCaptureFixture
) -> None:
    address = own_postgres.new_schema("team")
    store = machine(address)
    first = a_run(name="before")
    store.put(first)
    assert store.count(Run) == 1

    own_postgres.stop()
    run = a_run(name="meanwhile")
    with caplog.at_level(logging.WARNING, "nbops"):
        store.put(run)
        for step in range(700):
            store.hot.log_metric(run.id, "m", step, step=step, at=float(step))
        store.update(Run, first.id, tags={"late": "1"})
        store.log_params([Param(run_id=run.id, name="p", value=4, at=1.0)])
        # Reads go on here, at once, and say so a single time.
        begin = time.monotonic()
        assert [s.run.name for s in store.search_runs("metrics.m = 699 and params.p = 4")] == ["meanwhile"]
        assert store.get(Run, first.id).tags == {"late": "1"}
        assert store.count(Run) == 2
        assert store.last_change() > 0
        assert time.monotonic() - begin < 10
        with pytest.raises(StoreError, match="gets its number from") as caught:
            store.add_version(a_version())
        synced = store.sync()
    assert caught.value.hint == "nbops sync"
    assert synced.waiting > 700
    assert "cannot be reached" in synced.message
    notices = [record for record in caplog.records if record.name == "nbops"]
    assert len(notices) == 1
    assert "forwarded later" in notices[0].message

    own_postgres.start()
    batches: list[int] = []
    synced = store.sync(batches.append)
    assert (synced.waiting, synced.refused, synced.message) == (0, [], "")
    assert sum(batches) == synced.forwarded
    with PostgresStore(address) as shared:
        assert [metric.step for metric in shared.metrics(run.id)] == list(range(700))
        assert shared.get(Run, first.id).tags == {"late": "1"}
        assert shared.params(run.id) == {"p": 4}
        assert shared.check() == []
    assert store.add_version(a_version()).number == 1  # type: ignore[attr-defined]


def test_a_server_that_was_never_there_is_told_everything_later(machine: Machine, own_postgres: Any) -> None:
    address = own_postgres.new_schema("team")
    own_postgres.stop()
    store = machine(address)
    run = a_run()
    store.put(run)
    store.log_metrics([Metric(run_id=run.id, name="m", step=n, value=n, at=1.0) for n in range(10)])
    store.close()

    own_postgres.start()
    again = machine(address)
    assert again.sync().waiting == 0
    with PostgresStore(address) as shared:
        assert shared.get(Run, run.id) == run
        assert len(shared.metrics(run.id)) == 10


def test_a_local_store_that_joins_a_team_brings_everything(
    tmp_path: Path, postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "KEPT_CHANGES", 10)
    local = open_store(load_settings(tmp_path, env={}))
    runs = [a_run(name=f"r{n}") for n in range(30)]
    local.put(*runs)
    local.log_params([Param(run_id=run.id, name="p", value=run.name, at=1.0) for run in runs])
    local.log_metrics([Metric(run_id=run.id, name="m", step=None, value=1.0, at=1.0) for run in runs])
    assert isinstance(local, SqliteStore)
    local.upkeep()
    local.close()

    store = open_store(load_settings(tmp_path, env={"NBOPS_STORE": postgres_address}))
    assert isinstance(store, JournaledStore)
    assert {summary.params["p"] for summary in store.search_runs("metrics.m = 1")} == {run.name for run in runs}
    forwarded, waiting, message = forward(store)
    assert (forwarded, waiting, message) == (0, 0, "everything is forwarded")
    store.close()


def test_forwarding_twice_changes_nothing(machine: Machine, postgres_address: str) -> None:
    store = machine(postgres_address)
    run = a_run()
    store.put(run)
    store.log_metrics([Metric(run_id=run.id, name="m", step=n % 2, value=1.0, at=1.0) for n in range(20)])
    store.sync()
    # As after a crash between the two commits: the journal does not know how far it came.
    store.journal._write(lambda execute: execute("UPDATE forwards SET seq = 0", ()))
    store.forwarder._done = None
    store.sync()

    with PostgresStore(postgres_address) as shared:
        assert len(shared.metrics(run.id)) == 20
        assert shared.find(Run) == [run]


def test_two_machines_see_each_other(machine: Machine, postgres_address: str) -> None:
    one, two = machine(postgres_address, "one"), machine(postgres_address, "two")
    run = a_run(name="from one")
    one.put(run)

    assert one.get(Run, run.id) == two.get(Run, run.id) == run
    two.update(Run, run.id, tags={"from": "two"})
    one.update(Run, run.id, status="finished", ended_at=5.0)
    two.sync()
    one.sync()
    assert one.get(Run, run.id) == msgspec.structs.replace(run, status="finished", ended_at=5.0, tags={"from": "two"})
    # One clears what it never saw itself.
    one.update(Run, run.id, tags={})
    assert one.get(Run, run.id).tags == two.get(Run, run.id).tags == {}
    two.delete(Run, run.id)
    two.sync()
    with pytest.raises(NotFoundError):
        one.get(Run, run.id)


def test_whole_records_replace_what_another_machine_wrote(machine: Machine, postgres_address: str) -> None:
    one, two = machine(postgres_address, "one"), machine(postgres_address, "two")
    endpoint = Endpoint(
        id=new_id(), name="churn", engine="docker", address="a", split={"d1": 100}, created_at=1.0, updated_at=1.0
    )
    one.put(endpoint)
    one.sync()
    two.put(msgspec.structs.replace(two.get(Endpoint, endpoint.id), split={"d2": 100}))
    two.sync()
    one.put(endpoint)
    assert two.get(Endpoint, endpoint.id).split == {"d2": 100} or in_time(
        lambda: two.get(Endpoint, endpoint.id).split == {"d1": 100}
    )
    one.sync()
    assert two.get(Endpoint, endpoint.id).split == {"d1": 100}


def test_numbers_of_versions_come_from_the_store_that_all_share(machine: Machine, postgres_address: str) -> None:
    one, two = machine(postgres_address, "one"), machine(postgres_address, "two")
    numbers = [store.add_version(a_version()).number for store in (one, two, two, one)]  # type: ignore[attr-defined]

    assert numbers == [1, 2, 3, 4]
    assert one.count(Model) == two.count(Model) == 1
    # What a machine registered it can find without the server.
    assert [version.number for version in two.journal.find(ModelVersion, order_by="number")] == [2, 3]


def test_what_the_server_refuses_is_set_aside_and_told(machine: Machine, postgres_address: str) -> None:
    store = machine(postgres_address)
    # PostgreSQL cannot index a name of this length; SQLite can.
    store.put(a_run(name="".join(chr(33 + n * 7 % 90) + new_id() for n in range(2_000))))
    store.put(a_run(name="short"))
    synced = store.sync()

    assert synced.waiting == 0
    assert len(synced.refused) == 1
    assert "index row" in synced.refused[0]
    assert [run.name for run in store.find(Run)] == ["short"]
    assert any("refused by" in problem for problem in store.check())
    long = store.journal.find(Run, order_by="id")[0]
    store.update(Run, long.id, name="shortened")
    assert store.sync().refused == []
    assert {run.name for run in store.find(Run)} == {"short", "shortened"}


def test_the_shared_change_log_stays_short(
    machine: Machine, postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "KEPT_CHANGES", 3)
    monkeypatch.setattr(forwarding, "_PRUNE_EVERY", 10)
    store = machine(postgres_address)
    for n in range(40):
        store.put(a_run(name=f"r{n}"))
        store.sync()

    assert 3 <= len(store.changes(0)) < 20
    assert store.count(Run) == 40


def test_news_are_announced_to_who_listens(machine: Machine, postgres_address: str) -> None:
    store = machine(postgres_address)
    store.put(a_run())
    store.sync()
    news = store.news(timeout_s=10)
    shared = PostgresStore(postgres_address)
    # The first question opens the ear; what is written then is heard.
    import threading

    threading.Timer(0.3, lambda: shared.put(a_run())).start()
    assert next(news) == "runs"
    news.close()  # type: ignore[attr-defined]
    shared.close()


def test_opened_for_reading_nothing_is_forwarded(machine: Machine, tmp_path: Path, postgres_address: str) -> None:
    writing = machine(postgres_address)
    writing.put(a_run(name="there"))
    writing.close()
    store = JournaledStore(SqliteStore(tmp_path / "one.db", read_only=True), postgres_address)
    assert [run.name for run in store.find(Run)] == ["there"]
    with pytest.raises(StoreError):
        store.put(a_run())
    with pytest.raises(StoreError) as caught:
        store.add_version(a_version())
    assert caught.value.code == "store_readonly"
    store.close()


def test_passwords_are_never_shown(tmp_path: Path, postgres_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    wrong = postgres_server.address(password="hunter2/@:%")
    with caplog.at_level(logging.DEBUG):
        store = JournaledStore(SqliteStore(tmp_path / "one.db"), wrong, timeout_s=2.0)
        store.put(a_run())
        message = store.sync().message
        assert store.count(Run) == 1
        store.close()
        with pytest.raises(StoreError) as caught:
            PostgresStore(wrong)
    assert caught.value.code == "store_refused"
    shown = [store.location, message, caplog.text, repr(caught.value), str(caught.value.__cause__), str(caught.value)]
    assert not any("hunter2" in text for text in shown)
    assert "***@" in store.location
    assert store.location == without_password(wrong)


def test_several_that_start_together_make_the_tables_once(postgres_address: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(PostgresStore, [postgres_address] * 8))
    assert {store.count(Run) for store in stores} == {0}
    for store in stores:
        store.close()


def test_a_newer_shared_store_is_refused(postgres_address: str) -> None:
    with PostgresStore(postgres_address) as store:
        store._write(lambda execute: execute("INSERT INTO migrations VALUES (99, 'x', 1.0, '9')", ()))
    with pytest.raises(StoreVersionError, match="version 99"):
        PostgresStore(postgres_address)


def test_a_restarted_server_is_found_again(own_postgres: Any) -> None:
    store = PostgresStore(own_postgres.new_schema("team"), timeout_s=2.0)
    store.put(a_run())
    own_postgres.stop()
    with pytest.raises(StoreError) as caught:
        store.count(Run)
    assert caught.value.code == "store_unreachable"
    assert str(caught.value.hint).startswith("pg_isready -h 127.0.0.1 -p ")
    own_postgres.start()
    assert store.count(Run) == 1
    store.put(a_run())
    assert store.count(Run) == 2
    store.close()
