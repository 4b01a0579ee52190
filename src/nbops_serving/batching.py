"""Micro-batching without a timer: many requests share one call of the model, and a lone one waits for nobody.

A batch takes what is queued and leaves as soon as a turn of the event loop brought nothing new. Rows were validated
before they join. When a batch raises all the same, each request is answered on its own, so that one bad row never
hurts a stranger's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from nbops_serving.answers import Answer
from nbops_serving.problems import Refusal, Violation, invalid_rows
from nbops_serving.rows import Row
from nbops_serving.rungs import Rung

REFUSING = (ValueError, TypeError, ArithmeticError, LookupError)
"""What a model raises at values it has no answer for. Anything else is a fault of the server or the model."""


class Batcher:
    """Answers requests together.

    Args:
        rung: what answers.
        most_rows: rows in one call of the model, unless a single request has more.
        most_waiting: rows that may wait; more requests are refused until there is room.
        in_thread: call the model in a thread of its own, for models so slow that health checks would wait for them.
        counted: told the number of rows of every call.
    """

    def __init__(
        self,
        rung: Rung,
        *,
        most_rows: int = 256,
        most_waiting: int = 20_000,
        in_thread: bool = False,
        counted: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._rung, self._most_rows, self._most_waiting, self._counted = rung, most_rows, most_waiting, counted
        self._queue: deque[tuple[Sequence[Row], asyncio.Future[Answer]]] = deque()
        self._waiting = 0
        self._seen = 0
        self._is_scheduled = False
        self._executor = ThreadPoolExecutor(1, "nbops-model") if in_thread else None
        self._running: asyncio.Task[None] | None = None

    def submit(self, rows: Sequence[Row]) -> asyncio.Future[Answer]:
        """Queue the rows of one request.

        Returns:
            A future with their answer; it raises Refusal where the model has none.

        Raises:
            Refusal: 429, when too many rows wait already.
        """
        if self._waiting and self._waiting + len(rows) > self._most_waiting:
            raise Refusal(429, "too_busy", "too many rows are waiting for the model", headers=[(b"retry-after", b"1")])
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._queue.append((rows, future))
        self._waiting += len(rows)
        if not self._is_scheduled:
            self._is_scheduled, self._seen = True, 0
            loop.call_soon(self._turn, loop)
        return future

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._queue) != self._seen and self._waiting < self._most_rows:
            self._seen = len(self._queue)
            loop.call_soon(self._turn, loop)
            return
        batch = self._take()
        if self._executor is None:
            self._settle(batch, self._together(batch))
            self._go_on(loop)
        else:
            self._running = loop.create_task(self._in_thread(loop, self._executor, batch))

    def _take(self) -> list[tuple[Sequence[Row], asyncio.Future[Answer]]]:
        batch = [self._queue.popleft()]
        rows = len(batch[0][0])
        while self._queue and rows + len(self._queue[0][0]) <= self._most_rows:
            batch.append(self._queue.popleft())
            rows += len(batch[-1][0])
        self._waiting -= rows
        return batch

    async def _in_thread(
        self,
        loop: asyncio.AbstractEventLoop,
        executor: ThreadPoolExecutor,
        batch: list[tuple[Sequence[Row], asyncio.Future[Answer]]],
    ) -> None:
        self._settle(batch, await loop.run_in_executor(executor, self._together, batch))
        self._go_on(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._queue:
            self._seen = 0
            loop.call_soon(self._turn, loop)
        else:
            self._is_scheduled = False

    def _together(self, batch: list[tuple[Sequence[Row], asyncio.Future[Answer]]]) -> list[Answer | BaseException]:
        if len(batch) == 1:
            return [self._alone(batch[0][0])]
        rows = [row for request, _ in batch for row in request]
        try:
            self._counted(len(rows))
            whole = self._rung.answer(rows)
        except Exception:  # noqa: BLE001 - around requests in the server: each is answered on its own instead
            return [self._alone(request) for request, _ in batch]
        answers: list[Answer | BaseException] = []
        start = 0
        for request, _ in batch:
            end = start + len(request)
            shares = whole.probabilities[start:end] if whole.probabilities is not None else None
            answers.append(Answer(whole.predictions[start:end], shares))
            start = end
        return answers

    def _alone(self, rows: Sequence[Row]) -> Answer | BaseException:
        try:
            self._counted(len(rows))
            return answer_or_refuse(self._rung, rows)
        except Exception as error:  # noqa: BLE001 - around one request in the server: its own caller is told
            return error

    @staticmethod
    def _settle(
        batch: list[tuple[Sequence[Row], asyncio.Future[Answer]]], answers: list[Answer | BaseException]
    ) -> None:
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # the client has gone
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def answer_or_refuse(rung: Rung, rows: Sequence[Row]) -> Answer:
    """Answer the rows of one request, or say which row the model has no answer for.

    Raises:
        Refusal: 422, naming the first row that the model refuses.
    """
    try:
        return rung.answer(rows)
    except REFUSING as error:
        place = _first_refused(rung, rows)
        if place is None:  # every row is fine alone: the fault is the model's
            raise RuntimeError(f"the model answers each row but not {len(rows)} together") from error
        message = f"the model has no answer for this row ({type(error).__name__})"
        raise invalid_rows([Violation(row=place, field=None, message=message, code="refused")]) from error


def _first_refused(rung: Rung, rows: Sequence[Row]) -> int | None:
    """Halve the rows until the first one that the model refuses is left."""
    start, end = 0, len(rows)
    while end - start > 1:
        middle = (start + end) // 2
        if _is_refused(rung, rows[start:middle]):
            end = middle
        else:
            start = middle
    return start if _is_refused(rung, rows[start:end]) else None


def _is_refused(rung: Rung, rows: Sequence[Row]) -> bool:
    try:
        rung.answer(rows)
    except REFUSING:
        return True
    return False
