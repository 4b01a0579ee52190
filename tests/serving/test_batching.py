"""Micro-batching: requests share calls of the model, never each other's faults."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest

from nbops_serving.batching import Batcher
from nbops_serving.plan import Answer
from nbops_serving.problems import Refusal
from nbops_serving.rows import Row


class Roots:
    """Answers square roots; has none for a negative number, and breaks at 1000."""

    is_light = False

    def __init__(self) -> None:
        self.calls: list[int] = []

    def answer(self, rows: Sequence[Row]) -> Answer:
        self.calls.append(len(rows))
        if any(row[0] == 1000 for row in rows):
            raise RuntimeError("broken")
        return Answer([math.sqrt(row[0]) for row in rows], [[row[0]] for row in rows])


async def test_requests_of_one_turn_share_one_call():
    rung = Roots()
    batcher = Batcher(rung)
    answers = await asyncio.gather(*(batcher.submit([(number**2,)]) for number in range(50)))
    assert [answer.predictions for answer in answers] == [[float(number)] for number in range(50)]
    assert [answer.probabilities for answer in answers][3] == [[9]]
    assert rung.calls == [50]


async def test_a_lone_request_is_answered_without_company():
    rung = Roots()
    assert (await Batcher(rung).submit([(4,), (9,)])).predictions == [2.0, 3.0]
    assert rung.calls == [2]


async def test_a_batch_has_a_largest_size():
    rung = Roots()
    batcher = Batcher(rung, most_rows=8)
    await asyncio.gather(*(batcher.submit([(1,)]) for _ in range(20)))
    assert max(rung.calls) <= 8
    assert sum(rung.calls) == 20


@pytest.mark.parametrize("in_thread", [False, True], ids=["in the loop", "in a thread"])
async def test_a_bad_row_hurts_no_stranger(in_thread):
    batcher = Batcher(Roots(), in_thread=in_thread)
    for turn in range(100):
        asked = [batcher.submit([(-1 if place == turn % 16 else place,)]) for place in range(16)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        failed = [place for place, answer in enumerate(answers) if isinstance(answer, BaseException)]
        assert failed == [turn % 16]
        assert isinstance(answers[turn % 16], Refusal)


async def test_a_refused_row_is_named_within_its_request():
    with pytest.raises(Refusal) as caught:
        await Batcher(Roots()).submit([(1,), (4,), (9,), (-1,), (16,), (-4,)])
    assert (caught.value.status, caught.value.violations[0].row) == (422, 3)


async def test_a_broken_model_is_no_fault_of_the_row():
    batcher = Batcher(Roots())
    answers = await asyncio.gather(batcher.submit([(1000,)]), batcher.submit([(4,)]), return_exceptions=True)
    assert isinstance(answers[0], RuntimeError)
    assert isinstance(answers[1], Answer)


async def test_too_many_waiting_rows_are_refused_with_a_hint():
    batcher = Batcher(Roots(), most_waiting=10)
    waiting = [batcher.submit([(1,)] * 6)]
    with pytest.raises(Refusal) as caught:
        batcher.submit([(1,)] * 6)
    assert (caught.value.status, caught.value.headers) == (429, [(b"retry-after", b"1")])
    await asyncio.gather(*waiting)
    assert (await batcher.submit([(1,)] * 6)).predictions == [1.0] * 6


async def test_a_client_that_has_gone_does_not_stop_the_others():
    batcher = Batcher(Roots())
    gone, stays = batcher.submit([(1,)]), batcher.submit([(4,)])
    gone.cancel()
    assert (await stays).predictions == [2.0]
