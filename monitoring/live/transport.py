"""Learning from the server when a client is too slow.

ASGI's `send()` may wait for a slow client (uvicorn, granian) or not (daphne, which
buffers without bound). Twisted tells a registered producer when its buffer is full.
"""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

CLOSE_SECONDS = 15


@implementer(IPushProducer)
class WriteGate:
    """Closed while the server's buffer for this client is full."""

    def __init__(self, send: Any) -> None:
        self._open = asyncio.Event()
        self._open.set()
        protocol = _daphne_protocol(send)
        if protocol is not None:
            # A slow client reads what it was sent before it comes to the close frame.
            protocol.closeHandshakeTimeout = CLOSE_SECONDS
            protocol.transport.unregisterProducer()
            protocol.transport.registerProducer(self, True)  # noqa: FBT003 - Twisted's positional flag

    async def opened(self) -> None:
        await self._open.wait()

    # Twisted's names.

    def pauseProducing(self) -> None:  # noqa: N802
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._open.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._open.set()


def _daphne_protocol(send: Any) -> Any:
    """Return the protocol behind daphne's `send`, or None on other servers.

    daphne sends by functools.partial(handle_reply, protocol); channels' session
    middleware wraps that in an object that keeps it as `real_send`.
    """
    while send is not None and not getattr(send, "args", ()):
        send = getattr(getattr(send, "__self__", None), "real_send", None)
    protocol = send.args[0] if send is not None else None
    transport = getattr(protocol, "transport", None)
    return protocol if hasattr(transport, "registerProducer") else None
