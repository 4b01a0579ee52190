"""Runs that are archived, deleted and restored."""

from __future__ import annotations

import pytest

from nbops.errors import ConflictError, NotFoundError, UsageError
from nbops.keep import archive, delete, restore
from nbops.records import Run, Sweep, new_id


def listed(house, shelf: str = "listed") -> list[str]:
    return sorted(row.run.name for row in house.store.search_runs(shelf=shelf))


def test_an_archived_run_leaves_the_lists_and_comes_back(house) -> None:
    run = house.run("a")
    house.run("b")

    (archived,) = archive(house.store, ["a"])
    assert archived.archived_at is not None
    assert (listed(house), listed(house, "archived")) == (["b"], ["a"])
    assert restore(house.store, ["a"]) == [run]
    assert listed(house) == ["a", "b"]


def test_a_deleted_run_is_in_the_trash_until_it_is_restored(house) -> None:
    run = house.run("a")

    (deleted,) = delete(house.store, [run.id])
    assert deleted.deleted_at is not None
    assert (listed(house), listed(house, "deleted")) == ([], ["a"])
    assert delete(house.store, [run.id]) == [deleted]
    assert restore(house.store, ["a"]) == [run]


def test_an_archived_run_comes_back_from_the_trash_as_it_was(local) -> None:
    local.run("a")
    (archived,) = archive(local.store, ["a"])
    delete(local.store, ["a"])
    assert (listed(local, "archived"), listed(local, "deleted")) == ([], ["a"])

    assert restore(local.store, ["a"]) == [archived]


def test_the_named_parts_of_a_session_go_and_come_with_it(house) -> None:
    session = house.run("session", kind="session")
    part = house.run("part", kind="named", parent_id=session.id)
    house.run("part of a part", kind="named", parent_id=part.id)
    house.run("gone before", kind="named", parent_id=session.id)
    delete(house.store, ["gone before"])

    assert len(delete(house.store, ["session"])) == 4
    assert listed(house) == []
    assert len(restore(house.store, ["session"])) == 3
    assert listed(house, "deleted") == ["gone before"]


def test_a_part_is_not_restored_without_the_session_that_has_its_cells(local) -> None:
    session = local.run("session", kind="session")
    part = local.run("part", kind="named", parent_id=session.id)
    delete(local.store, ["session"])

    with pytest.raises(ConflictError, match="its cells are in the trash") as caught:
        restore(local.store, ["part"])
    assert caught.value.hint == f"nbops restore {session.id}"
    assert restore(local.store, ["part", "session"]) == [part, session]


def test_a_sweep_stands_for_all_of_its_runs(local) -> None:
    sweep = Sweep(id=new_id(), name="grid", notebook="a.ipynb", space={}, total=2, started_at=1.0, status="finished")
    local.store.put(sweep)
    runs = [local.run(f"r{number}", sweep_id=sweep.id) for number in range(2)]
    local.run("alone")

    assert {run.id for run in delete(local.store, [sweep.id])} == {run.id for run in runs}
    assert listed(local) == ["alone"]
    assert len(restore(local.store, ["grid"])) == 2


@pytest.mark.parametrize("do", [archive, delete], ids=["archive", "delete"])
def test_nothing_is_put_away_when_one_of_them_still_runs(local, do) -> None:
    local.run("ended")
    running = local.run("goes on", status="running", ended_at=None)

    with pytest.raises(ConflictError, match=rf"run goes on \({running.id}\) cannot be .*d: it is still running"):
        do(local.store, ["ended", "goes on"])
    assert listed(local) == ["ended", "goes on"]


def test_a_run_whose_model_is_deployed_is_archived_but_not_deleted(house) -> None:
    session = house.run("session", kind="session")
    part = house.run("part", kind="named", parent_id=session.id)
    deployment = house.deployment(house.model(part, "a" * 64))

    with pytest.raises(ConflictError, match="its model churn@1 is deployed as endpoint churn") as caught:
        delete(house.store, ["session"])
    assert (caught.value.code, caught.value.hint) == ("run_held", "nbops stop churn")
    assert len(archive(house.store, ["session"])) == 2

    house.store.update(type(deployment), deployment.id, status="stopped")
    assert len(delete(house.store, ["session"])) == 2


def test_what_is_in_the_trash_is_not_archived(local) -> None:
    local.run("a")
    delete(local.store, ["a"])

    with pytest.raises(ConflictError, match="it is in the trash"):
        archive(local.store, ["a"])


def test_what_is_in_the_lists_is_not_restored(local) -> None:
    local.run("a")

    with pytest.raises(UsageError, match="neither archived nor deleted"):
        restore(local.store, ["a"])


def test_what_nothing_answers_to_is_told_with_near_names(local) -> None:
    local.run("baseline")

    with pytest.raises(NotFoundError, match="did you mean 'baseline'"):
        delete(local.store, ["baselime"])


def test_a_deleted_run_does_not_stand_for_an_equal_one(local) -> None:
    from nbops.retrain.recipe import TAG, Finished

    run = local.run("a", notebook="a.ipynb", tags={TAG: "recipe"})
    assert Finished(local.store, local.settings, "a.ipynb")._runs == {"recipe": [run]}

    delete(local.store, ["a"])
    assert Finished(local.store, local.settings, "a.ipynb")._runs == {}
    assert local.store.get(Run, run.id).tags == run.tags
