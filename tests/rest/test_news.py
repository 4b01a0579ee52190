"""News of the store on the server's event bus."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from nbops.progress import stage, watching
from nbops.records import Run, new_id
from nbops.rest import projects
from nbops.rest.handlers import Service
from nbops.rest.news import CALL_ENDED, STORE_CHANGED, CallEnded, ProgressNews
from nbops.rest.projects import Project
from nbops.settings import load_settings
from nbops.store import open_store

if TYPE_CHECKING:
    from conftest import Server

Write = Callable[..., list[Run]]


@contextlib.asynccontextmanager
async def listening(server: Server, schema: str = STORE_CHANGED) -> AsyncIterator[Callable[[], Any]]:
    """Hear the event bus as a browser does: ``await next()`` gives our next event of a kind."""
    url = server.address.replace("http", "ws") + "/api/events/subscribe"
    socket = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {server.token}"}))

    async def following() -> dict[str, Any]:
        while True:
            message = await asyncio.wait_for(socket.read_message(), 20)
            assert message is not None
            event: dict[str, Any] = json.loads(message)
            if event["schema_id"] == schema:
                return event

    try:
        yield following
    finally:
        socket.close()
        # It is closed when the server has answered, which is after the end of a test that does not wait.
        with contextlib.suppress(TimeoutError):
            while await asyncio.wait_for(socket.read_message(), 10) is not None:
                pass


async def test_what_another_process_writes_is_told(server: Server, write: Write) -> None:
    write(server.folder / "second")
    async with listening(server) as following:
        state = await asyncio.to_thread(server.get, "project", project="second")

        await asyncio.to_thread(write, server.folder / "second", name="heard")

        event = await following()
        assert event["root"] == state["root"]
        assert event["seq"] > state["seq"]
        assert "runs" in event["nouns"]


async def test_a_store_that_is_made_later_is_told(server: Server, write: Write) -> None:
    (server.folder / "later").mkdir()
    async with listening(server) as following:
        state = await asyncio.to_thread(server.get, "project", project="later")
        assert not state["exists"]

        (server.folder / "later" / ".nbops").mkdir()
        await asyncio.to_thread(write, server.folder / "later")

        assert (await following())["root"] == state["root"]
    assert len(server.get("runs", project="later")) == 1


@pytest.mark.postgres
async def test_what_another_machine_writes_to_the_teams_store_is_heard(
    postgres_address: str, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would be asked once a minute: what arrives sooner was announced.
    monkeypatch.setattr(projects, "LIVE_S", 60.0)
    monkeypatch.setattr(projects, "IDLE_S", 60.0)
    for name in ("here", "there"):
        (tmp_path / name / ".nbops").mkdir(parents=True)
    env = {"NBOPS_STORE": postgres_address}
    with contextlib.closing(open_store(load_settings(tmp_path / "here", env=env))) as store:
        store.put(Run(id=new_id(), name="first", kind="named", started_at=1.0))
    told: asyncio.Queue[projects.News] = asyncio.Queue()
    followed = projects.Projects(
        projects.ServerRoot(tmp_path), tell=told.put_nowait, in_thread=asyncio.to_thread
    )  # fmt: skip
    project = followed.project(load_settings(tmp_path / "here", env=env))
    followed.watch(project, since=await asyncio.to_thread(project.reader().store.last_change))

    def elsewhere() -> None:
        with contextlib.closing(open_store(load_settings(tmp_path / "there", env=env))) as store:
            # Again and again, because the ear may not be open yet.
            for number in range(200):
                if told.empty():
                    store.put(Run(id=new_id(), name=f"far {number}", kind="named", started_at=1.0))
                    store.sync()
                    time.sleep(0.1)

    writing = asyncio.create_task(asyncio.to_thread(elsewhere))
    heard = await asyncio.wait_for(told.get(), 30)
    told.put_nowait(heard)
    await writing
    assert (heard.root, heard.nouns) == (str(tmp_path / "here"), ["runs"])
    await followed.close()


def test_a_store_that_was_replaced_is_opened_again(tmp_path: Path, write: Write) -> None:
    (tmp_path / ".nbops").mkdir()
    write(tmp_path, runs=2)
    project = Project(load_settings(tmp_path, env={}))
    assert project.reader().store.count_runs() == 2

    for path in (tmp_path / ".nbops").glob("store.db*"):
        path.unlink()
    write(tmp_path, runs=1)

    assert project.reader().store.count_runs() == 1
    news = project.news(since=1_000_000)
    assert news is not None
    assert news.nouns == []
    project.close()


def test_stages_of_a_verb_are_told_with_the_callers_name_and_never_faster_than_ten_a_second() -> None:
    told: list[Any] = []
    with watching(ProgressNews(told.append, root="/p", request="r1")), stage("Count", total=1000) as now:
        for _ in range(1000):
            now.advance()

    assert [(event.title, event.state, event.request) for event in (told[0], told[-1])] == [
        ("Count", "running", "r1"),
        ("Count", "ended", "r1"),
    ]
    assert told[-1].done == 1000
    assert len(told) < 20


def test_calls_that_go_on_are_listed_where_they_stand_and_their_end_is_told(tmp_path: Path) -> None:
    told: list[Any] = []
    opened = projects.Projects(projects.ServerRoot(tmp_path), tell=told.append, in_thread=asyncio.to_thread)
    service = Service(opened, readers=ThreadPoolExecutor(1), tell=told.append)
    with service.going_on("retrain", root="/p", request="r1"), stage("Run", total=3) as now:
        now.advance(note="1 running")
        (call,) = service.calls("/p")
        assert service.calls("/elsewhere") == []

    assert (call.request, call.verb, call.title, call.done, call.total) == ("r1", "retrain", "Run", 1, 3)
    assert service.calls("/p") == []
    assert told[-1] == CallEnded(root="/p", request="r1", verb="retrain")


async def test_a_page_that_did_not_call_hears_why_a_call_was_refused(server: Server) -> None:
    async with listening(server, CALL_ENDED) as following:
        with server.client(**{"Authorization": f"token {server.token}", "X-Request-ID": "r2"}) as client:
            arguments = {"params": {"project": "first"}, "json": {"id": "0000"}}
            refused = await asyncio.to_thread(client.post, "cancel", **arguments)

        event = await following()

    assert refused.status_code >= 400
    assert (event["request"], event["verb"], event["code"]) == ("r2", "cancel", refused.json()["code"])
    assert event["detail"] == refused.json()["detail"]


def test_a_store_that_is_just_being_made_is_waited_for(tmp_path: Path, write: Write) -> None:
    (tmp_path / ".nbops").mkdir()
    (tmp_path / ".nbops" / "store.db").touch()
    project = Project(load_settings(tmp_path, env={}))
    making = threading.Timer(0.2, write, [tmp_path])
    making.start()

    assert project.reader().store.last_change() >= 0

    making.join()
    project.close()
