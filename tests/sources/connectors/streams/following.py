"""A stream's connector by hand, and a WebSocket server that plays a script."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ssl import SSLContext
from typing import Any

from django.utils.module_loading import import_string
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from monitoring.telemetry import LogBatch, SampleBatch
from sources.connectors import Outcome, SourceSpec
from sources.models import Source, SourceStream
from sources.services.inbox import StreamMove, deposit
from sources.services.kinds.base import Kind
from tests.factories.accounts import OrganizationFactory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = 20  # seconds that anything may take


def filled(kind: Kind, config: dict[str, Any]) -> dict[str, Any]:
    return {
        **{s.key: s.default for s in kind.settings if s.default is not None},
        **config,
    }


class Following:
    """Stores what a connector brings, as the collector does."""

    def __init__(self, kind: Kind, source: Source | None = None, **config) -> None:
        self.kind, self.config = kind, filled(kind, config)
        self.source = source or Source.unscoped.create(
            organization=OrganizationFactory(), kind=kind.name, name="shop", config={}
        )
        self.lines: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.samples: dict[str, float] = {}
        self._woken = threading.Event()
        self.start()

    def start(self) -> None:
        spec = SourceSpec(
            self.source.pk,
            1,
            None,
            self.kind.name,
            "shop",
            self.config,
            {"env": "t"},
            1,
        )
        self.now = NOW
        self.connector = import_string(self.kind.connector)(spec, self._woken.set)
        self.connector.open(NOW)

    def restart(self) -> None:
        self.connector.close()
        self.start()

    def step(self) -> bool:
        """Store what there is; return whether there was anything."""
        self._woken.clear()
        self.now += timedelta(seconds=1)
        harvest = self.connector.poll(self.now)
        if harvest is None:
            return False
        moves = [harvest.move] if harvest.move else []
        deposit(
            [], moves=[StreamMove(self.source.pk, m.moves, m.position) for m in moves]
        )
        for batch in harvest.batches:
            self._note(
                LogBatch.decode(batch.encode())
                if isinstance(batch, LogBatch)
                else batch
            )
        self.connector.settle(Outcome.STORED, self.now)
        return True

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(PATIENCE * 20):
            while self.step():
                pass
            if condition():
                return
            self._woken.wait(0.05)
        raise AssertionError(
            f"it never came true: {self.connector.problem} {self.lines}"
        )

    def until_lines(self, count: int) -> list[str]:
        self.until(lambda: len(self.lines) >= count)
        return self.lines

    def _note(self, batch: LogBatch | SampleBatch) -> None:
        if isinstance(batch, SampleBatch):
            for index, value in zip(
                batch.series_index, batch.values.tolist(), strict=True
            ):
                labels = dict(batch.series[index])
                name = labels.pop("__name__")
                own = {
                    k: v
                    for k, v in sorted(labels.items())
                    if k not in {"source", "env"}
                }
                inner = ",".join(f"{k}={v}" for k, v in own.items())
                self.samples[f"{name}{{{inner}}}"] = value
            return
        for row in batch.table.to_pylist():
            labels = dict(batch.streams[row.pop("stream")])
            self.lines.append(row["line"])
            self.rows.append({**row, "labels": labels})

    @property
    def shown(self) -> SourceStream:
        return SourceStream.objects.get(source=self.source)


class SocketServer:
    """Serves each connection by the script; `heard` is all that clients said."""

    def __init__(
        self,
        script: Callable[[ServerConnection], None],
        port: int = 0,
        ssl: SSLContext | None = None,
    ) -> None:
        self.heard: list[str] = []
        self.connections: list[ServerConnection] = []
        self._script = script
        self._scheme = "wss" if ssl else "ws"
        self._server = serve(self._serve, "127.0.0.1", port, compression=None, ssl=ssl)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/logs"

    def hear(self, connection: ServerConnection) -> str:
        text = str(connection.recv(PATIENCE))
        self.heard.append(text)
        return text

    def kill(self) -> None:
        """Cut all connections, as a server that crashes."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(2)

    def close(self) -> None:
        self.kill()
        self._server.shutdown()
        self._thread.join()

    def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            self._script(connection)
