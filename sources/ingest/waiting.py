"""Between threads and the event loop, and from there to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from sources.ingest.refusals import Answer

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def committed(done: Future[None]) -> None:
    """Wait for a commit. Raises what it does; given up, it need not happen.

    `asyncio.wrap_future` does the same for any future, at three times the work.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def tell(done: Future[None]) -> None:
        with suppress(RuntimeError):  # The loop has ended: nobody waits.
            loop.call_soon_threadsafe(_settle, waiter, done)

    done.add_done_callback(tell)
    try:
        await waiter
    except asyncio.CancelledError:
        done.cancel()
        raise


def _settle(waiter: asyncio.Future[None], done: Future[None]) -> None:
    if waiter.done() or done.cancelled():
        return
    error = done.exception()
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)


def headers_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    """Return the headers of the answer, with lower-case names."""
    headers = {"Content-Length": str(len(answer.content)), **answer.headers}
    if answer.content:
        headers = {"Content-Type": answer.content_type, **headers}
    if answer.status == HTTPStatus.NO_CONTENT:
        del headers["Content-Length"]  # RFC 9110, section 8.6
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def send_answer(send: Send, answer: Answer, *, with_body: bool) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": headers_of(answer),
        }
    )
    body = answer.content if with_body else b""
    await send({"type": "http.response.body", "body": body})
