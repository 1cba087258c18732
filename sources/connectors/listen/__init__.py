"""Sources that are sent to: syslog, GELF and statsd, on sockets of the collector.

What is read is held until it is stored. While it cannot be, TCP and TLS are not read
on, so that their senders wait; datagrams are held up to a limit, and those beyond it
are counted. An orderly end stores what is held.
"""

from __future__ import annotations

import ssl
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from monitoring.telemetry import LogBatch, SampleBatch
from sources.connectors import Connector, Harvest, Outcome, SourceSpec
from sources.connectors.listen.certificates import CertificateError, server_context
from sources.connectors.listen.datagrams import Datagrams
from sources.connectors.listen.held import Held, Losses, Piece
from sources.connectors.listen.places import (
    Senders,
    UnusablePlaceError,
    address_of,
    bound,
)
from sources.connectors.listen.streams import Cutter, Streams, StreamTerms

# How a source is sent to, and the sockets it has for that.
TRANSPORTS = {"udp": ("udp",), "tcp": ("tcp",), "tls": ("tls",)} | {
    "udp+tcp": ("udp", "tcp")
}

_HARVEST_BYTES = 8 * 2**20
_LOOK_EVERY = timedelta(seconds=1)
_TRY_AGAIN_AFTER = timedelta(seconds=5)
# A loss is shown so long after the last one.
_SHOWN_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Read:
    """What was made of some messages; `size` is their raw bytes."""

    batch: LogBatch | SampleBatch
    size: int
    more: tuple[SampleBatch, ...] = ()


class Listener(Connector):
    """Reads the sockets of one source."""

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        self.losses = Losses()
        self.held = Held(wake)
        self.labels = {**spec.labels, "source": spec.name}
        self._datagrams: Datagrams | None = None
        self._streams: Streams | None = None
        self._ports: list[int] = []
        self._failure = ""
        self._harvest: Harvest | None = None
        self._told = 0
        self._lost_at: datetime | None = None
        self._is_finishing = False

    # --- What a subclass says ----------------------------------------------------------

    @abstractmethod
    def cutter(self) -> Cutter:
        """Return what cuts one connection's stream into messages."""

    @abstractmethod
    def read(self, pieces: Sequence[Piece], now: datetime) -> Read | None:
        """Return what is to be stored of the pieces and of what came before them.

        Called without pieces, too; while finishing, `is_finishing`, it keeps nothing.
        """

    def wants_at(self) -> datetime | None:
        """Return when there is something to be stored though nothing may come."""
        return None

    def keep_up(self, now: datetime) -> None:
        """Take messages while what was made of earlier ones cannot be stored."""

    # --- The connector -----------------------------------------------------------------

    @property
    def ports(self) -> Sequence[int]:
        """The ports it listens on now: UDP's first."""
        return self._ports

    @property
    def is_finishing(self) -> bool:
        return self._is_finishing

    @override
    def open(self, now: datetime) -> None:
        self._listen()
        self._listen_at = now + _TRY_AGAIN_AFTER
        self.due_at = now

    @override
    def poll(self, now: datetime) -> Harvest | None:
        if self._failure and now >= self._listen_at:
            self._listen()
            self._listen_at = now + _TRY_AGAIN_AFTER
        if self._datagrams is not None:
            self._datagrams.look_at_losses()
        if self._harvest is None:
            self._harvest = self._next(now)
        else:
            self.keep_up(now)
        self.problem = self._failure or self._losses_to_show(now)
        wanted = self.wants_at()
        self.due_at = min(now + _LOOK_EVERY, wanted or now + _LOOK_EVERY)
        return self._harvest

    @override
    def settle(self, outcome: Outcome, now: datetime) -> None:
        if outcome is not Outcome.STORED:
            return
        self._harvest = None
        if self._streams is not None:
            self._streams.go_on()
        if len(self.held):
            self.due_at = now

    @override
    def finish(self) -> bool:
        self._is_finishing = True
        self._stop_listening()
        return True

    @override
    def close(self) -> None:
        self._stop_listening()

    # --- Sockets -----------------------------------------------------------------------

    def _listen(self) -> None:
        """Open all sockets or none; what hinders that is tried again later."""
        self._failure = ""
        try:
            self._open_sockets()
        except (UnusablePlaceError, CertificateError) as error:
            self._stop_listening()
            self._failure = str(error)

    def _open_sockets(self) -> None:
        config = self.spec.config
        address = address_of(config)
        senders = Senders(config.get("allowed_networks") or [])
        for transport in TRANSPORTS[config["transport"]]:
            context = server_context(config) if transport == "tls" else None
            # With port 0 the system chooses one.
            opened = bound(transport, address, config["port"])
            self._ports.append(opened.getsockname()[1])
            if transport == "udp":
                self._datagrams = Datagrams(opened, senders, self.held, self.losses)
            else:
                terms = self._terms(senders, context)
                self._streams = Streams(opened, terms, self.held, self.losses)

    def _terms(self, senders: Senders, context: ssl.SSLContext | None) -> StreamTerms:
        config = self.spec.config
        return StreamTerms(
            cutter=self.cutter,
            senders=senders,
            most=config["max_connections"],
            idle_seconds=config["idle_seconds"],
            context=context,
        )

    def _stop_listening(self) -> None:
        for one in (self._datagrams, self._streams):
            if one is not None:
                one.close()
        self._datagrams = self._streams = None
        self._ports = []

    # --- What came ---------------------------------------------------------------------

    def _next(self, now: datetime) -> Harvest | None:
        found = self.read(self.held.take(_HARVEST_BYTES), now)
        if found is None or not (found.batch.count or found.more):
            return None
        lost, self._told = self.losses.total - self._told, self.losses.total
        self._lost_at = now if lost else self._lost_at
        return Harvest(found.batch, found.size, more=found.more, rejected=lost)

    def _losses_to_show(self, now: datetime) -> str:
        if self.losses.total > self._told:
            self._lost_at = now
        if self._lost_at is None or now - self._lost_at > _SHOWN_FOR:
            return ""
        return str(self.losses)
