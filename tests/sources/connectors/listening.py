"""A connector that listens, by hand: on ports of its own, its harvests stored here."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from datetime import UTC, datetime

from django.utils.module_loading import import_string

from monitoring.telemetry import LogBatch
from sources.connectors import Outcome, SourceSpec
from sources.services.kinds import KINDS, with_defaults

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PATIENCE = 20  # seconds that something may take


class Listening:
    """Lets a connector work; its clock stands still unless the test moves it."""

    def __init__(self, kind: str, *, labels=None, now=START, **config) -> None:
        self.now = now
        self.woken = threading.Event()
        filled = with_defaults(KINDS[kind], {"port": 0, **config})
        spec = SourceSpec(1, 1, None, kind, "net", filled, labels or {}, 1)
        self.connector = import_string(KINDS[kind].connector)(spec, self.woken.set)
        self.connector.open(self.now)

    @property
    def port(self) -> int:
        return self.connector.ports[-1]

    def poll(self):
        return self.connector.poll(self.now)

    def harvest(self):
        """Wait for something, and store it."""
        deadline = time.monotonic() + PATIENCE
        while (harvest := self.poll()) is None:
            assert time.monotonic() < deadline
            self.woken.wait(0.05)
            self.woken.clear()
        self.connector.settle(Outcome.STORED, self.now)
        return harvest

    def rows(self, count: int) -> list[dict]:
        """Wait for so many lines, and return each with its labels and fields."""
        found: list[dict] = []
        while len(found) < count:
            found += rows_of(self.harvest().batch)
        assert len(found) == count
        return found

    def lines(self, count: int) -> list[str]:
        return [row["line"] for row in self.rows(count)]

    def await_problem(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while not self.connector.problem:
            assert time.monotonic() < deadline
            self.poll()
            self.woken.wait(0.02)
        return self.connector.problem

    def send(self, *datagrams: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, ("127.0.0.1", self.port))

    def connect(self, context: ssl.SSLContext | None = None) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if context is None:
            return plain
        return context.wrap_socket(plain, server_hostname="localhost")

    def send_stream(self, *pieces: bytes) -> None:
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)


def rows_of(batch: LogBatch) -> list[dict]:
    """Return each line as one object: its labels, columns and fields that are there."""
    rows = []
    for row in batch.table.to_pylist():
        labels = dict(batch.streams[row.pop("stream")])
        said = {k.removeprefix("field."): v for k, v in row.items() if v is not None}
        rows.append({**labels, **said})
    return rows


def free_port() -> int:
    """Return a port that is free for UDP and TCP, for those who must know it before."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
