"""Django behind ASGI: signals, middleware and view in one turn of a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any, cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, HttpResponseBase
from django.urls import set_script_prefix
from typing_extensions import override

# So many threads wait for requests to come, each with what Django keeps by thread.
MOST_IDLE = 16


class SynchronousHandler(ASGIHandler):
    """Takes the way that a WSGI server would, in threads that are used again.

    All views and most middleware are synchronous. Django's own way starts two threads
    for each request, and hands it to one of them and back three times, with all
    middleware asynchronous a dozen: that cost more than a small query does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[ThreadPoolExecutor] = []
        self._respond = sync_to_async(self._response)

    @override
    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, "request")
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        except BaseException:
            # Whoever did not wait may have left it at work.
            thread.shutdown(wait=False)
            raise
        if len(self._idle) < MOST_IDLE:
            self._idle.append(thread)
        else:
            thread.shutdown(wait=False)

    @override
    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        # Whoever reads on hears that the client is gone (config/guard.py).
        leaving = asyncio.create_task(receive())
        with body:
            try:
                response = await self._respond(scope, body)
                if response.streaming:
                    await self._stream(response, send, leaving)
                else:
                    await self.send_response(response, send)
            finally:
                leaving.cancel()

    def _response(self, scope: Mapping[str, Any], body: IO[bytes]) -> HttpResponseBase:
        """Return the answer, closed unless it is a stream: what it took is given back."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = type(self)  # noqa: SLF001 - as Django's own handlers
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        return cast("HttpResponseBase", response)

    async def _stream(
        self, response: HttpResponseBase, send: Any, leaving: asyncio.Task[Any]
    ) -> None:
        """Send until all is sent, or nobody listens any more."""
        sending = asyncio.create_task(self.send_response(response, send))
        try:
            await asyncio.wait({leaving, sending}, return_when="FIRST_COMPLETED")
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            await sync_to_async(response.close)()
