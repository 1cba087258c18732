"""Probes: whether things answer as they should, seen from the collector's host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from typing_extensions import override

from accounts.services.egress import EgressRefusedError
from monitoring.labels import METRIC_NAME, Labels, fingerprint, make_labels, pack_labels
from monitoring.telemetry import SampleBatch
from sources.connectors import SourceSpec
from sources.connectors.asking import Asked, Asking, Schedule, TargetState, iso
from sources.connectors.batches import join, of_one_time, stale
from sources.connectors.probe.dns_probe import DnsProbe
from sources.connectors.probe.findings import METRICS, Findings, ProbeFailedError
from sources.connectors.probe.http_probe import HttpProbe
from sources.connectors.probe.tcp_probe import TcpProbe
from sources.connectors.probe.tls_probe import TlsProbe

_BYTES_PER_SAMPLE = 16


class Prober(Protocol):
    """Probes targets of one kind."""

    async def probe(self, target: str, findings: Findings) -> None:
        """Raises ProbeFailedError."""
        ...


PROBERS: Mapping[str, Callable[[Mapping[str, Any]], Prober]] = {
    "http_probe": HttpProbe,
    "tcp_probe": TcpProbe,
    "tls_probe": TlsProbe,
    "dns_probe": DnsProbe,
}


@dataclass(frozen=True, slots=True)
class Probed:
    """What one probe of one target came to; `reason` is empty when all is well."""

    findings: Findings
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    address: str
    labels: Labels
    interval_ms: int

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.interval_ms, fingerprint(self.labels) % self.interval_ms)


async def probe(prober: Prober, target: str, seconds: float) -> Probed:
    """Probe once, in so many seconds at most."""
    findings, reason = Findings(), ""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await prober.probe(target, findings)
    except TimeoutError:
        reason = f"no answer within {seconds:g} s"
    except (ProbeFailedError, EgressRefusedError, ValueError) as error:
        reason = str(error)
    took = time.monotonic() - begun
    findings.set("probe_success", not reason)
    findings.set("probe_duration_seconds", took)
    return Probed(findings, reason, took)


class Probe(Asking[ProbeTarget]):
    """Probes the targets of one source, each at its own times."""

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        config = spec.config
        self._prober = PROBERS[spec.kind](config)
        self._timeout = float(config.get("timeout_seconds", 10))
        self._interval_ms = int(config.get("interval_seconds", 60) * 1000)
        self._before: dict[ProbeTarget, frozenset[bytes]] = {}
        self._begun = False

    @override
    def prepare(self, now: datetime) -> datetime:
        if not self._begun:
            self._begun = True
            targets = [self._target(address) for address in self.spec.config["targets"]]
            self.set_targets(targets, now)
        return datetime.max.replace(tzinfo=UTC)

    def _target(self, address: str) -> ProbeTarget:
        own = {"job": self.spec.name, "instance": address, "target": address}
        labels = {**own, **self.spec.labels, "source": self.spec.name}
        return ProbeTarget(address, make_labels(labels), self._interval_ms)

    @override
    async def ask(self, target: ProbeTarget, ts_ms: int) -> Asked:
        found = await probe(self._prober, target.address, self._timeout)
        own = dict(target.labels)
        samples = {
            pack_labels(make_labels({**own, **dict(labels), METRIC_NAME: name})): value
            for (name, labels), value in found.findings.samples.items()
        }
        names = {name for name, _ in found.findings.samples}
        batch = of_one_time(
            list(samples),
            np.array(list(samples.values()), np.float64),
            ts_ms,
            {name: METRICS[name] for name in names},
        )
        # What a probe did not come to know this time must not seem to go on.
        gone = self._before.get(target, frozenset()) - samples.keys()
        self._before[target] = frozenset(samples)
        state = self._state(
            target, ts_ms, found.seconds, "down" if found.reason else "up", found.reason
        )
        return Asked(
            join([batch, stale(sorted(gone), ts_ms)]),
            batch.count * _BYTES_PER_SAMPLE,
            state,
        )

    @override
    def unasked(self, target: ProbeTarget) -> TargetState:
        return self._state(target, None, 0.0, "unknown", "")

    def _state(
        self,
        target: ProbeTarget,
        ts_ms: int | None,
        seconds: float,
        health: str,
        error: str,
    ) -> TargetState:
        return TargetState(
            url=target.address,
            labels=dict(target.labels),
            discovered={"__address__": target.address},
            health=health,
            last_error=error,
            last_asked="" if ts_ms is None else iso(ts_ms),
            last_seconds=seconds,
            interval_seconds=self._interval_ms / 1000,
            timeout_seconds=self._timeout,
        )

    @override
    def ending(self, target: ProbeTarget, ts_ms: int) -> SampleBatch:
        return stale(sorted(self._before.pop(target, frozenset())), ts_ms)

    @override
    async def shut(self) -> None:
        """There is nothing that a probe leaves open."""
