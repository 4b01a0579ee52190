"""Tags, notes and names of runs."""

from __future__ import annotations

import pytest

from nbops.errors import NotFoundError, UsageError
from nbops.keep import note, rename, tag
from nbops.records import Run


def test_runs_are_found_by_their_tags(house) -> None:
    run, other = house.run(), house.run()
    tag(house.store, other, {"team": "b"})

    tagged = tag(house.store, run, {"team": "a", "val set": "2026"})
    assert tagged.tags == {"team": "a", "val set": "2026"}
    assert [row.run for row in house.store.search_runs('tags.team = "a"')] == [tagged]
    assert [row.run for row in house.store.search_runs("tags.`val set` = 2026")] == [tagged]


def test_a_tag_is_replaced_or_taken_off_and_the_others_stay(house) -> None:
    run = house.run(tags={"team": "a", "stage": "draft", "kept": "yes"})

    assert tag(house.store, run, {"team": "b"}, remove=["stage"]).tags == {"team": "b", "kept": "yes"}
    assert house.store.search_runs("tags.stage = draft") == []


def test_a_tag_that_somebody_set_meanwhile_is_kept(house) -> None:
    run = house.run()
    house.store.update(Run, run.id, tags={"theirs": "1"})

    assert tag(house.store, run, {"mine": "2"}).tags == {"theirs": "1", "mine": "2"}


@pytest.mark.parametrize(
    ("tags", "remove", "error", "text"),
    [
        ({}, [], UsageError, "which tag"),
        ({"": "x"}, [], UsageError, "a name has 1 to 500 characters"),
        ({"x" * 501: "x"}, [], UsageError, "a name has 1 to 500 characters"),
        ({"a": "1"}, ["a"], UsageError, "set and removed at once: a"),
        ({}, ["b"], NotFoundError, "has no tag 'b'; it has: a"),
    ],
    ids=["nothing", "no name", "long name", "both", "not there"],
)
def test_a_wrong_tag_changes_nothing(local, tags, remove, error, text) -> None:
    run = local.run(tags={"a": "0"})

    with pytest.raises(error, match=text):
        tag(local.store, run, tags, remove=remove)
    assert local.store.get(Run, run.id) == run


def test_a_note_replaces_the_one_before_and_is_searched(house) -> None:
    run = house.run(note="old")

    assert note(house.store, run, "first with\nclean ages").note == "first with\nclean ages"
    assert [row.run.id for row in house.store.search_runs("note ~ CLEAN")] == [run.id]
    assert note(house.store, run, "").note == ""
    with pytest.raises(UsageError, match="at most 100,000 characters"):
        note(house.store, run, "x" * 100_001)


def test_a_renamed_run_answers_to_its_new_name_only(house) -> None:
    run = house.run("train")

    assert rename(house.store, run, " baseline ").name == "baseline"
    assert house.store.resolve(Run, "baseline").id == run.id
    with pytest.raises(NotFoundError):
        house.store.resolve(Run, "train")


@pytest.mark.parametrize("name", ["", "   ", "last", "two\nlines", "x" * 501])
def test_what_cannot_be_a_name_is_refused(local, name: str) -> None:
    run = local.run("train")

    with pytest.raises(UsageError):
        rename(local.store, run, name)
    assert local.store.get(Run, run.id).name == "train"
