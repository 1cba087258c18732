"""What the host connector says of this very machine."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from monitoring.telemetry import MetricType
from sources.connectors import Outcome, SourceSpec
from sources.connectors.host import HostMetrics
from sources.connectors.host.metrics import sample
from sources.connectors.host.parts import PARTS

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 1, 12, 0, 2, tzinfo=UTC)


def make(parts=PARTS, **config) -> HostMetrics:
    spec = SourceSpec(1, 1, None, "host", "this-host", config, {"env": "prod"}, 1)
    connector = HostMetrics(spec, lambda: None, parts)
    connector.open(START)
    return connector


def values(batch) -> dict[tuple[tuple[str, str], ...], float]:
    return dict(zip(batch.series, batch.values, strict=True))


@pytest.fixture(scope="module")
def batch():
    connector = make()
    # Real time: shares of CPU time are taken over what the kernel counted meanwhile.
    while psutil.cpu_times(percpu=True) == connector._before.cpu:
        pass
    return connector.poll(START + timedelta(seconds=5)).batch


@pytest.mark.parametrize(
    "name",
    [
        "up",
        "node_boot_time_seconds",
        "node_context_switches_total",
        "node_cpu_seconds_total",
        "node_filesystem_avail_bytes",
        "node_intr_total",
        "node_load1",
        "node_load15",
        "node_load5",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
        "node_memory_SwapTotal_bytes",
        "node_network_receive_bytes_total",
        "node_network_transmit_drop_total",
        "node_procs_running",
        "node_time_seconds",
        "node_uname_info",
        "host_cpu_core_usage_ratio",
        "host_cpu_usage_ratio",
        "host_filesystem_usage_ratio",
        "host_memory_usage_ratio",
        "host_swap_usage_ratio",
    ],
)
def test_it_says(batch, name):
    assert name in batch.metadata


def test_every_series_says_whose_it_is(batch):
    owners = {
        tuple(dict(labels)[name] for name in ("job", "source", "env"))
        for labels in batch.series
    }

    assert owners == {("host", "this-host", "prod")}


def test_no_series_comes_twice(batch):
    assert len(set(batch.series)) == len(batch.series)


def test_every_value_is_a_number(batch):
    assert all(math.isfinite(value) for value in batch.values)


def test_shares_lie_between_nothing_and_all(batch):
    shares = {
        labels: value
        for labels, value in values(batch).items()
        if dict(labels)["__name__"].endswith("_ratio")
    }

    assert all(0 <= value <= 1 for value in shares.values())


def test_counters_are_told_from_gauges(batch):
    wrong = [
        name
        for name, metadata in batch.metadata.items()
        if (metadata.type is MetricType.COUNTER) != name.endswith("_total")
    ]

    assert wrong == []


def test_modes_of_all_cores_are_counted(batch):
    modes = {
        dict(labels)["mode"]
        for labels in batch.series
        if dict(labels)["__name__"] == "node_cpu_seconds_total"
    }

    assert modes == {
        *("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    }


def broken(before, after):
    yield sample("node_load1", 1)
    raise PermissionError("no statistics in this container")


def working(before, after):
    yield sample("up", 1)


def test_a_part_that_fails_does_not_spoil_the_others():
    connector = make(parts=(broken, working))

    batch = connector.poll(START + timedelta(seconds=5)).batch

    assert [dict(labels)["__name__"] for labels in batch.series] == ["up"]


def test_looks_lie_on_a_grid():
    connector = make(parts=(working,))
    due = []

    for _ in range(3):
        due.append(connector.due_at)
        connector.poll(connector.due_at)
        connector.settle(Outcome.STORED, connector.due_at)

    assert [moment.second for moment in due] == [3, 5, 10]


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [(None, 5), (1, 1), (0.1, 1), (300, 300), (10_000, 300), ("soon", 5), (-5, 1)],
)
def test_the_interval_stays_within_bounds(wanted, taken):
    connector = make(parts=(working,), interval_seconds=wanted)

    assert connector._interval == timedelta(seconds=taken)


def test_what_cannot_be_stored_is_held_and_brought_later():
    connector = make(parts=(working,))
    for _ in range(3):
        connector.poll(connector.due_at)
        connector.settle(Outcome.REFUSED, connector.due_at)

    now, times = connector.due_at, []
    while connector.due_at <= now:
        times.append(int(connector.poll(now).batch.ts_ms[0]) // 1000)
        connector.settle(Outcome.STORED, now)

    assert [t - int(START.timestamp()) for t in times] == [1, 3, 8, 13]


def test_what_is_held_has_an_end():
    connector = make(parts=(working,), interval_seconds=60)
    for _ in range(30):
        connector.poll(connector.due_at)
        connector.settle(Outcome.REFUSED, connector.due_at)

    assert len(connector._held) == 10
