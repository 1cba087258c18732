"""Answers that are made while they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse


def download(
    request: HttpRequest, pieces: Iterator[bytes], *, filename: str, content_type: str
) -> StreamingHttpResponse:
    """Send pieces as they come, under a name to save them by."""
    is_async = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(
        _awaited(pieces) if is_async else pieces,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Make each piece in a thread: an iterator would be read at once otherwise."""
    take = sync_to_async(lambda: next(pieces, None))
    while (piece := await take()) is not None:
        yield piece
