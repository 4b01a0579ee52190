"""What a collection removes, and what it must never touch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from nbops.errors import StoreError, UsageError
from nbops.keep import Garbage, delete
from nbops.records import Artifact, Bundle, CellExecution, Dataset, Deployment, Metric, Param, Run, Sweep, new_id


def found(collected) -> dict[str, int]:
    return {garbage.what: garbage.count for garbage in collected.found if garbage.what != "empty space in the store"}


def trashed(house, name: str = "train", *, days: float = 31.0, **fields):
    """A run that went into the trash so many days ago."""
    return house.run(name, deleted_at=time.time() - days * 86_400.0, **fields)


def test_without_apply_it_says_what_would_go_and_changes_nothing(house) -> None:
    run = trashed(house)
    house.store.put(CellExecution(id=new_id(), run_id=run.id, position=1, source="1", started_at=1.0))
    house.store.log_params([Param(run_id=run.id, name="depth", value=4, at=1.0)])
    house.store.log_metrics([Metric(run_id=run.id, name="acc", step=None, value=0.5, at=1.0)])
    digest = house.artifact(run, b"x" * 1_000)

    before = house.collect(apply=False)
    assert before.found == [
        Garbage(what="runs", count=1),
        Garbage(what="cells", count=1),
        Garbage(what="params", count=1),
        Garbage(what="metrics", count=1),
        Garbage(what="artifacts", count=1),
        Garbage(what="blobs", count=1, size_bytes=1_000),
    ]
    assert (before.applied, before.size_bytes, before.kept) == (False, 1_000, [])
    assert house.store.get(Run, run.id) == run
    assert house.blobs.has(digest)

    after = house.collect()
    assert found(after) == found(before)
    assert house.store.count(Run) == house.store.count(CellExecution) == house.store.count(Artifact) == 0
    assert (house.store.params(run.id), house.store.metrics(run.id)) == ({}, [])
    assert not house.blobs.has(digest)
    assert house.store.check() == []
    assert found(house.collect()) == {}


def test_the_trash_keeps_runs_for_as_long_as_it_is_told(house) -> None:
    trashed(house, days=6.0)

    assert found(house.collect()) == {}
    assert found(house.collect(older_than_days=5.0)) == {"runs": 1}
    with pytest.raises(UsageError, match="0 days or more"):
        house.collect(older_than_days=-1.0)


def test_listed_and_archived_runs_keep_everything(house) -> None:
    kept = [house.artifact(house.run(), b"a"), house.artifact(house.run(archived_at=1.0), b"b")]

    assert found(house.collect(older_than_days=0.0)) == {}
    assert all(house.blobs.has(digest) for digest in kept)


def test_bytes_that_another_run_refers_to_stay(house) -> None:
    digest = house.artifact(house.run(), b"shared")
    house.artifact(trashed(house), b"shared")

    assert found(house.collect()) == {"runs": 1, "artifacts": 1}
    assert house.blobs.get(digest) == b"shared"


def test_a_model_outlives_its_run_with_all_its_bytes(house) -> None:
    run = trashed(house)
    profile, unused = house.old_blob(b"profile"), house.old_blob(b"unused")
    used = Dataset(
        id=new_id(), name="d", fingerprint="f", rows=1, columns=[], profile_digest=profile, run_id=run.id, at=1.0
    )
    house.store.put(used, msgspec.structs.replace(used, id=new_id(), profile_digest=unused))
    digests = [house.old_blob(data) for data in (b"model", b"evidence", b"source")]
    version = house.model(
        run, digests[0], evidence_digest=digests[1], sources={"churn.py": digests[2]}, dataset_ids=[used.id]
    )

    assert found(house.collect()) == {"runs": 1, "datasets": 1, "blobs": 1}
    assert house.store.find(type(version)) == [version]
    assert house.store.find(Dataset) == [used]
    assert all(house.blobs.has(digest) for digest in (*digests, profile))
    assert not house.blobs.has(unused)


def test_a_blob_that_nobody_refers_to_yet_is_left_to_its_writer(local) -> None:
    young, old = local.blobs.put(b"being recorded"), local.old_blob(b"left behind", days=0.1)

    assert found(local.collect()) == {"blobs": 1}
    assert local.blobs.has(young)
    assert not local.blobs.has(old)


def test_a_blob_that_is_put_again_counts_as_young(local) -> None:
    digest = local.old_blob(b"same bytes")
    local.blobs.put(b"same bytes")

    assert found(local.collect()) == {}
    assert local.blobs.has(digest)


@pytest.mark.postgres
@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_team_has_more_time_to_record_a_blob(house) -> None:
    house.old_blob(b"two days", days=2.0)
    house.old_blob(b"forty days", days=40.0)

    assert found(house.collect()) == {"blobs": 1}
    assert found(house.collect(older_than_days=1.0)) == {"blobs": 1}


@pytest.mark.postgres
@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_nothing_is_removed_while_the_team_s_store_does_not_answer(house, monkeypatch) -> None:
    run = trashed(house)
    digest = house.artifact(run, b"x")
    house.store.sync()
    house.store.shared().close()
    house.store._shared = None
    house.store._address = "postgresql://nobody@127.0.0.1:1/none"
    house.store._try_at = 0.0

    with pytest.raises(StoreError, match="cannot be reached"):
        house.collect()
    assert house.store.get(Run, run.id) == run
    assert house.blobs.has(digest)


def test_a_run_whose_model_was_deployed_meanwhile_stays_with_its_session(local) -> None:
    session = trashed(local, "session", kind="session")
    part = trashed(local, "part", kind="named", parent_id=session.id)
    other = trashed(local, "other", kind="named", parent_id=session.id)
    deployment = local.deployment(local.model(part, "a" * 64))

    collected = local.collect()
    assert collected.kept == [f"run part ({part.id}) stays: its model churn@1 is deployed as endpoint churn"]
    assert {run.id for run in local.store.find(Run)} == {session.id, part.id}
    assert other.id not in {run.id for run in local.store.find(Run)}

    local.store.update(Deployment, deployment.id, status="stopped")
    assert found(local.collect()) == {"runs": 2}


def test_executed_notebooks_go_with_their_runs_and_stay_for_those_that_show_them(local) -> None:
    folder = local.settings.folder / "runs"
    gone, shown, lost, mine = trashed(local), trashed(local), new_id(), local.run()
    for name in (gone.id, shown.id, lost, mine.id):
        (folder / name).mkdir(parents=True)
        (folder / name / "train.ipynb").write_bytes(b"1234")
    (folder / "a file of the user").write_text("x")
    local.run(output=str(folder / shown.id / "train.ipynb"))
    assert found(local.collect(apply=False)) == {"runs": 2, "executed notebooks": 1}  # the lost one is young

    local.age(folder / lost)
    assert Garbage(what="executed notebooks", count=2, size_bytes=8) in local.collect().found
    assert {path.name for path in folder.iterdir()} == {shown.id, mine.id, "a file of the user"}


def test_a_sweep_goes_with_the_last_of_its_runs(local) -> None:
    sweeps = [
        Sweep(id=new_id(), name="s", notebook="a.ipynb", space={}, total=2, started_at=1.0, status=status)
        for status in ("finished", "finished", "running")
    ]
    local.store.put(*sweeps)
    for sweep in sweeps:
        trashed(local, sweep_id=sweep.id)
        (local.settings.folder / "sweeps" / sweep.id).mkdir(parents=True)
    local.run(sweep_id=sweeps[1].id)

    assert found(local.collect()) == {"runs": 3, "sweeps": 1, "notebooks of sweeps": 1}
    assert {sweep.id for sweep in local.store.find(Sweep)} == {sweeps[1].id, sweeps[2].id}


def test_bundles_that_no_record_names_go_and_halves_of_them(local) -> None:
    folder = local.settings.folder / "bundles"
    names = {"known": "a" * 64, "lost": "b" * 64, "young": "c" * 64, "half": f".{'d' * 64}.{new_id()}"}
    for name in names.values():
        (folder / name).mkdir(parents=True)
        (folder / name / "manifest.json").write_bytes(b"{}")
    for name in ("known", "lost", "half"):
        local.age(folder / names[name])
    local.store.put(
        Bundle(
            id=new_id(), model_version_id=local.model(None, "e" * 64).id, digest=names["known"], rung="joblib",
            path=str(folder / names["known"]), requirements=[], size_bytes=2, created_at=1.0,
        )
    )  # fmt: skip

    assert found(local.collect()) == {"bundles": 1, "unfinished bundles": 1}
    assert {path.name for path in folder.iterdir()} == {names["known"], names["young"]}


def test_what_a_killed_collection_moved_aside_is_put_back_and_looked_at_anew(local) -> None:
    folder = local.settings.folder / "runs"
    run = local.run()
    (folder / f".gone-{run.id}").mkdir(parents=True)

    assert found(local.collect()) == {}
    assert [path.name for path in folder.iterdir()] == [run.id]


def test_files_stay_where_other_stores_may_refer_to_them(local, tmp_path) -> None:
    local.settings = msgspec.structs.replace(local.settings, blobs=str(tmp_path / "shared"))
    local.blobs = type(local.blobs)(local.settings.blobs)
    digest = local.artifact(trashed(local), b"x")

    collected = local.collect()
    assert found(collected) == {"runs": 1, "artifacts": 1}
    assert [reason for reason in collected.kept if "stores of other projects" in reason]
    assert local.blobs.has(digest)


def test_a_store_elsewhere_leaves_the_project_s_files_alone(local, tmp_path) -> None:
    digest = local.old_blob(b"known to the project's own store")
    local.settings = msgspec.structs.replace(local.settings, store=str(tmp_path / "other.db"))

    collected = local.collect()
    assert found(collected) == {}
    assert collected.kept[0].startswith(f"files stay: other stores than {tmp_path / 'other.db'}")
    assert local.blobs.has(digest)


def test_the_store_s_file_gets_smaller(local) -> None:
    run = trashed(local)
    local.store.put(
        *(CellExecution(id=new_id(), run_id=run.id, position=n, source="x" * 9_000, started_at=1.0) for n in range(200))
    )
    local.store.upkeep()
    before = local.settings.journal.stat().st_size

    (space,) = [garbage for garbage in local.collect().found if garbage.what == "empty space in the store"]
    assert space.size_bytes is not None
    assert space.size_bytes > 1_000_000
    assert local.settings.journal.stat().st_size < before


def test_a_running_notebook_does_not_wait_for_the_file_to_be_rewritten(local) -> None:
    from nbops.store.process import this_host

    trashed(local)
    local.run("goes on", status="running", ended_at=None, host=this_host())

    collected = local.collect()
    assert found(collected) == {"runs": 1}
    assert collected.kept == [
        "empty space in the store stays in its file: a notebook is running, which would have to wait"
    ]


_COLLECT = """
import sys
from nbops.keep import collect
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
settings = load_settings(sys.argv[1], env={})
store = open_store(settings)
print("ready", flush=True)
print(collect(store=store, blobs=Blobs(settings.blobs), settings=settings, apply=True).size_bytes)
"""


def test_a_collection_that_is_killed_leaves_a_sound_store_and_the_next_ends_its_work(local) -> None:
    kept = local.artifact(local.run("kept"), b"kept")
    for number in range(300):
        local.artifact(trashed(local), b"%d" % number)
    local.store.close()

    for delay_s in (0.005, 0.05, 0.2):
        command = [sys.executable, "-c", _COLLECT, local.settings.root]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(delay_s)
            process.send_signal(signal.SIGKILL)

    local.__init__(local.settings)
    local.collect()
    assert local.store.check() == []
    assert [run.name for run in local.store.find(Run)] == ["kept"]
    assert local.blobs.get(kept) == b"kept"
    assert list(local.blobs.list()) == [kept]


def test_a_deleted_run_goes_through_the_trash_to_the_end(house) -> None:
    run = house.run("a")
    house.artifact(run, b"x")
    delete(house.store, ["a"])

    assert found(house.collect()) == {}
    assert found(house.collect(older_than_days=0.0))["runs"] == 1
    assert house.store.count(Run) == 0


def test_what_cells_showed_before_their_last_executions_goes(house) -> None:
    run = house.run()
    digests = []
    for number in range(12):
        digests.append(house.old_blob(f"figure {number}".encode()))
        house.store.put(
            Artifact(
                id=new_id(), run_id=run.id, execution_id=f"e{number}", name="output-1.png", digest=digests[-1],
                size_bytes=8, kind="output", cell="train.ipynb#a", at=1.0,
            )
        )  # fmt: skip
    logged = house.artifact(run, b"logged by hand")

    dry = house.collect(apply=False)
    assert {one.what: one.count for one in dry.found}["outputs of earlier executions"] == 2
    assert house.store.count(Artifact) == 13

    house.collect()

    left = house.store.find(Artifact, kind="output", order_by="id")
    assert [one.execution_id for one in left] == [f"e{number}" for number in range(2, 12)]
    assert [house.blobs.has(digest) for digest in digests] == [False] * 2 + [True] * 10
    assert house.blobs.has(logged)
