"""The Jupyter server extension: joins our routes and our events to the server, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from jupyter_server.extension.application import ExtensionApp

from nbops.rest.handlers import Service, handlers
from nbops.rest.news import CALL_ENDED, PROGRESS, SCHEMAS, STORE_CHANGED, CallEnded, Progress
from nbops.rest.projects import News, Projects, ServerRoot, read_ahead

AHEAD_S = 1.0
"""How long after the extension was loaded its readers are made ready: what else the server has to start comes first."""


class NbopsExtension(ExtensionApp):
    """nbops under the Jupyter server."""

    name = "nbops"
    load_other_extensions = True

    def initialize_handlers(self) -> None:
        """Register events and addresses."""
        server = self.serverapp
        assert server is not None
        assert server.event_logger is not None
        for schema in SCHEMAS:
            server.event_logger.register_event_schema(schema)
        readers = ThreadPoolExecutor(4, thread_name_prefix="nbops-read")

        async def in_thread(do: Any, *args: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(readers, do, *args)

        projects = Projects(ServerRoot(server.root_dir), tell=self._tell_news, in_thread=in_thread)
        self.service = Service(projects, readers=readers, tell=self._tell_call)
        self.handlers.extend(handlers(self.service, "/"))
        self._ahead = server.io_loop.call_later(AHEAD_S, readers.submit, read_ahead, server.root_dir)

    async def stop_extension(self) -> None:
        """Stop watching, close the stores, let the threads go."""
        assert self.serverapp is not None
        self.serverapp.io_loop.remove_timeout(self._ahead)
        await self.service.projects.close()
        self.service.readers.shutdown(wait=False)
        self.service.workers.shutdown(wait=False, cancel_futures=True)

    def _tell_news(self, news: News) -> None:
        self._emit(STORE_CHANGED, msgspec.to_builtins(news))

    def _tell_call(self, told: Progress | CallEnded) -> None:
        server = self.serverapp
        assert server is not None
        # Verbs run in threads; events are emitted where the server's loop runs.
        schema = PROGRESS if isinstance(told, Progress) else CALL_ENDED
        server.io_loop.add_callback(self._emit, schema, msgspec.to_builtins(told))

    def _emit(self, schema: str, data: dict[str, Any]) -> None:
        assert self.serverapp is not None
        assert self.serverapp.event_logger is not None
        self.serverapp.event_logger.emit(schema_id=schema, data=data)


__all__ = ["NbopsExtension"]
