import time

import msgspec
import pytest

from nbops.records import NOUNS, Record, new_id


def test_ids_are_version_7_of_rfc_9562_and_sort_by_time() -> None:
    first = new_id()
    time.sleep(0.000_05)
    second = new_id()
    assert first < second
    assert (len(first), first[12], first[16] in "89ab") == (32, "7", True)
    assert abs(int(first[:12], 16) / 1000 - time.time()) < 5


def test_ids_of_one_millisecond_do_not_collide() -> None:
    assert len({new_id() for _ in range(20_000)}) == 20_000


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_noun_is_frozen_explained_and_has_fields_that_json_can_hold(noun: type[Record]) -> None:
    assert noun.__struct_config__.frozen
    assert noun.__doc__
    msgspec.json.schema(noun)
