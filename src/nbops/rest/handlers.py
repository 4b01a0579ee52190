"""Thin handlers: understand the request, do the verb in a thread, send what it gives."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from nbops.errors import ConflictError, NotFoundError, UsageError
from nbops.grammar.language import doing_of
from nbops.progress import Stage, Stoppable, Stopped, answering, watching
from nbops.rest.answers import Bytes, CallStopped
from nbops.rest.arguments import from_query, understand
from nbops.rest.news import CallEnded, Progress, ProgressNews
from nbops.rest.openapi import openapi_document
from nbops.rest.problems import Problem, plain_problem, problem_of
from nbops.rest.projects import CallState, Projects
from nbops.rest.routes import PREFIX, ROUTES, Action, Route
from nbops.workspace import Workspace

AUTH_RESOURCE = "nbops"
"""What an authorizer of the Jupyter server is asked about."""


@dataclass(frozen=True)
class _Call:
    """A verb that somebody called, while it goes on."""

    verb: str
    news: ProgressNews
    stoppable: Stoppable
    started_at: float
    is_change: bool

    def state(self, request: str) -> CallState:
        now = self.news.stage or Stage("")
        return CallState(
            request=request,
            verb=self.verb,
            started_at=self.started_at,
            title=now.title,
            done=now.done,
            total=now.total,
            note=now.note,
        )


class Service:
    """What all handlers share: the opened projects and the threads that do the work."""

    def __init__(
        self, projects: Projects, *, readers: ThreadPoolExecutor, tell: Callable[[Progress | CallEnded], None]
    ) -> None:
        self.projects = projects
        self.readers = readers
        # Work that takes minutes has its own threads, so that it never keeps a list waiting.
        self.workers = ThreadPoolExecutor(4, thread_name_prefix="nbops-work")
        self.tell = tell
        self._going_on: dict[str, _Call] = {}

    @contextlib.contextmanager
    def going_on(self, verb: str, *, root: str, request: str, is_change: bool = True) -> Iterator[None]:
        """Show a call's progress, let others stop it by its name, and tell its end to pages that were loaded since."""
        news = ProgressNews(self.tell, root=root, request=request)
        call = _Call(verb, news, Stoppable(news), time.time(), is_change)
        ended = CallEnded(root=root, request=request, verb=verb)
        if request:
            self._going_on[request] = call
        try:
            with watching(call.stoppable):
                yield
        except Exception as error:
            problem = problem_of(error)
            ended = msgspec.structs.replace(ended, code=problem.code, detail=problem.detail, hint=problem.hint)
            raise
        finally:
            if request:
                self._going_on.pop(request, None)
                if is_change:
                    self.tell(ended)

    def calls(self, root: str) -> list[CallState]:
        """What is being changed in a project just now, each call with where it stands.

        A question is not among them: a page that was loaded anew asks again.
        """
        going_on = [*self._going_on.items()]
        return [call.state(request) for request, call in going_on if call.news.root == root and call.is_change]

    def stop(self, request: str) -> CallStopped:
        """Ask a call for its end."""
        call = self._going_on.get(request)
        if call is None:
            raise NotFoundError(f"no call {request!r} is going on", hint="it is over, or was sent without X-Request-ID")
        call.stoppable.stop()
        return CallStopped(request=request)

    async def run(self, executor: Executor, do: Callable[..., Any], *args: Any) -> Any:
        """Call in a thread, with this task's context variables."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(executor, functools.partial(context.run, do, *args))


class NbopsHandler(APIHandler):
    """What all our addresses have in common: authorisation's name, JSON out, problems as documents."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, service: Service) -> None:
        self.service = service

    async def allow(self, action: Action) -> None:
        """Ask the server's authorizer, which on a shared server may let some people only read."""
        user = self.current_user
        if user is None or not await ensure_async(self.authorizer.is_authorized(self, user, action, AUTH_RESOURCE)):
            raise web.HTTPError(403, f"you are not allowed to {action} here")

    def send(self, content: bytes, *, status: int = 200, media_type: str = "application/json") -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(content, set_content_type=media_type)

    def send_problem(self, problem: Problem) -> None:
        self.send(msgspec.json.encode(problem), status=problem.status, media_type="application/problem+json")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tornado calls this for what was raised outside of our own fence."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        detail = error.log_message if isinstance(error, web.HTTPError) else None
        self.send_problem(plain_problem(status_code, detail))

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        if not self.request.body:
            return {}
        try:
            return msgspec.json.decode(self.request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"the body is not a JSON object: {error}", hint='{"model": "churn@3"}') from error

    def project_path(self) -> str:
        return self.get_query_argument("project", "", strip=False)


class RouteHandler(NbopsHandler):
    """One address of ``ROUTES``."""

    def initialize(self, service: Service, routes: dict[str, Route]) -> None:  # type: ignore[override]  # tornado hands over what the route has
        super().initialize(service)
        self.routes = routes
        self.SUPPORTED_METHODS = tuple(routes)

    @web.authenticated
    async def get(self) -> None:
        await self._answer(self.routes["GET"])

    @web.authenticated
    async def delete(self) -> None:
        await self._answer(self.routes["DELETE"])

    @web.authenticated
    async def post(self) -> None:
        await self._answer(self.routes["POST"])

    async def _answer(self, route: Route) -> None:
        await self.allow(route.action)
        try:
            settings = await self.service.run(self.service.readers, self.service.projects.settings, self.project_path())
            values = understand(route, self._given(route), root=self.service.projects.root)
            if route.method == "GET":
                project = self.service.projects.project(settings)
                opened = project.reader if route.reads_store else project.without_store
                with self._told(route, settings.root):
                    reply = await self.service.run(self.service.readers, _read, opened, route, values)
            else:
                with self._told(route, settings.root):
                    reply = await self.service.run(self.service.workers, _change, settings, route, values)
        except Exception as error:  # The fence around a request: every failure is answered.
            problem = problem_of(error)
            if problem.status >= 500:
                self.log.error("nbops %s %s failed", route.method, route.name, exc_info=error)
            self.send_problem(problem)
            return
        self._send_reply(reply)

    def _given(self, route: Route) -> dict[str, Any]:
        query = {
            name: [text.decode("utf-8", "replace") for text in texts]
            for name, texts in self.request.query_arguments.items()
        }
        if route.method != "POST":
            return from_query(route, query)
        body = self.body()
        if set(body) & set(query):
            raise UsageError("options belong into the body, the query has only ?project=", hint=f"POST {route.name}")
        return {**from_query(route, query), **body}

    def _told(self, route: Route, root: str) -> AbstractContextManager[None]:
        return self.service.going_on(
            route.name, root=root, request=self._request_name(), is_change=route.method != "GET"
        )

    def _request_name(self) -> str:
        return self.request.headers.get("X-Request-ID", "")[:80]

    def _send_reply(self, reply: bytes | Bytes) -> None:
        if isinstance(reply, Bytes):
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{_quoted(reply.name)}")
            self.send(reply.content, media_type=reply.media_type)
        else:
            self.send(reply)


class ProjectHandler(NbopsHandler):
    """Which project a path belongs to. Asking is what keeps its news coming."""

    @web.authenticated
    async def get(self) -> None:
        await self.allow("read")
        projects = self.service.projects
        try:
            settings = await self.service.run(self.service.readers, projects.settings, self.project_path())
            project = projects.project(settings)
            calls = self.service.calls(settings.root)
            state = await self.service.run(self.service.readers, project.state, projects.root, calls)
        except Exception as error:  # The fence around a request: every failure is answered.
            problem = problem_of(error)
            if problem.status >= 500:
                self.log.error("nbops cannot open a project", exc_info=error)
            self.send_problem(problem)
            return
        projects.watch(project, since=state.seq)
        self.send(msgspec.json.encode(state))


class StopHandler(NbopsHandler):
    """Ends a call that takes long, from whichever page."""

    @web.authenticated
    async def post(self) -> None:
        await self.allow("execute")
        try:
            request = self.body().get("request")
            if not isinstance(request, str):
                raise UsageError("calls/stop needs request", hint='{"request": "the X-Request-ID of the call"}')
            stopped = self.service.stop(request)
        except (NotFoundError, UsageError) as error:
            self.send_problem(problem_of(error))
            return
        self.send(msgspec.json.encode(stopped))


class OpenApiHandler(NbopsHandler):
    """The description of all this."""

    @web.authenticated
    async def get(self) -> None:
        await self.allow("read")
        self.send(msgspec.json.encode(openapi_document()))


def _read(open_reader: Callable[[], Workspace], route: Route, values: dict[str, Any]) -> bytes | Bytes:
    try:
        with answering(doing_of(route.summary)):
            return _encoded(route.do(open_reader(), values))
    except Stopped as error:
        raise _cancelled(route) from error
    except NotFoundError as error:
        # A list of what is not there yet is empty, and so is what belongs to the last of no runs.
        if route.empty is not None and (error.code == "no_store" or values.get("run") == "last"):
            return _encoded(route.empty)
        raise


def _change(settings: Any, route: Route, values: dict[str, Any]) -> bytes | Bytes:
    # Opened for the one request: whoever only looks never holds a store open for writing.
    workspace = Workspace(settings)
    try:
        with answering(doing_of(route.summary)):
            return _encoded(route.do(workspace, values))
    except Stopped as error:
        raise _cancelled(route) from error
    finally:
        workspace.close()


def _cancelled(route: Route) -> ConflictError:
    return ConflictError(f"{route.name} was cancelled", code="cancelled", hint="nbops runs")


def _encoded(reply: Any) -> bytes | Bytes:
    return reply if isinstance(reply, Bytes) else msgspec.json.encode(reply)


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def handlers(service: Service, base_url: str) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Every address with its handler, for the Jupyter server."""

    def address(name: str) -> str:
        return url_path_join(base_url, PREFIX, name)

    found: list[tuple[str, type[web.RequestHandler], dict[str, Any]]] = [
        (address("openapi.json"), OpenApiHandler, {"service": service}),
        (address("project"), ProjectHandler, {"service": service}),
        (address("calls/stop"), StopHandler, {"service": service}),
    ]
    for name in dict.fromkeys(route.name for route in ROUTES):
        of_name = {route.method: route for route in ROUTES if route.name == name}
        found.append((address(name), RouteHandler, {"service": service, "routes": of_name}))
    return found
