"""The edge behind a real daphne on a port of its own, for senders that connect."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from daphne.server import Server
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.threads import blockingCallFromThread
from twisted.protocols.policies import WrappingFactory

START_SECONDS = 10

Application = Callable[..., Awaitable[None]]


class LiveServer:
    """One server a test process: Twisted's reactor runs once. `application` is what it
    serves at the moment."""

    def __init__(self) -> None:
        self.application: Application | None = None
        self._ready = threading.Event()
        self._server = Server(
            self._serve,
            endpoints=["tcp:0:interface=127.0.0.1"],
            signal_handlers=False,
            ready_callable=self._ready.set,
            verbosity=0,
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> LiveServer:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("daphne did not start")
        return self

    @property
    def address(self) -> str:
        host, port = self._server.listening_addresses[0]
        return f"{host}:{port}"

    @contextlib.contextmanager
    def wrapped(self) -> Iterator[str]:
        """Serve at one more address, where another protocol stands before HTTP's."""
        factory = WrappingFactory(self._server.http_factory)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = blockingCallFromThread(reactor, endpoint.listen, factory)
        try:
            yield f"127.0.0.1:{listening.getHost().port}"
        finally:
            blockingCallFromThread(reactor, listening.stopListening)

    def stop(self) -> None:
        reactor.callFromThread(reactor.stop)
        self._thread.join()

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.application is not None
        await self.application(scope, receive, send)
