"""statsd on real sockets: what is brought in with each flush."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from monitoring.telemetry import MetricType
from sources.connectors import Outcome
from sources.connectors.listen import aggregation
from tests.sources.connectors.asking import values
from tests.sources.connectors.listening import PATIENCE, Listening

pytestmark = pytest.mark.unit

OWN = "source=net"


def await_size(one: Listening, size: int) -> None:
    """Wait until so many bytes have been added up since the last flush."""
    deadline = time.monotonic() + PATIENCE
    while one.connector._size < size:
        assert time.monotonic() < deadline
        one.woken.wait(0.005)
        one.poll()


class Measuring:
    """A statsd source whose clock moves from flush to flush."""

    def __init__(self, one: Listening) -> None:
        self.one = one

    def take(self, *datagrams: bytes) -> None:
        """Send, and wait until all of it has been added up."""
        before = self.one.connector._size
        self.one.send(*datagrams)
        await_size(self.one, before + sum(map(len, datagrams)))

    def flush(self) -> tuple[dict, dict]:
        """Return the values, and what others have grown by, of the next flush."""
        self.one.now += timedelta(seconds=10)
        harvest = self.one.poll()
        self.one.connector.settle(Outcome.STORED, self.one.now)
        if harvest is None:
            return {}, {}
        plain, *grown = harvest.batches
        assert all(batch.is_delta for batch in grown)
        return values(plain), values(grown[0]) if grown else {}


@pytest.fixture
def statsd(listen):
    def start(**config) -> Measuring:
        return Measuring(listen("statsd", transport="udp", **config))

    return start


def test_counters_grow_by_what_came(statsd):
    one = statsd(labels={"env": "prod"})

    one.take(b"hits:3|c|#path:/a\nhits:1|c|@0.5|#path:/a", b"hits:1|c|#path:/b")

    assert one.flush() == (
        {},
        {
            "hits_total{env=prod,path=/a,source=net}": 5,
            "hits_total{env=prod,path=/b,source=net}": 1,
        },
    )
    assert set(one.flush()[1].values()) == {0}


def test_gauges_are_set_and_changed(statsd):
    one = statsd()

    one.take(b"a:5|g\na:+2|g\na:-3|g", b"b:-1|g", b"c:9|g\nc:+1|g\nc:4|g")
    first = one.flush()
    one.take(b"a:+1|g")

    assert first == ({f"a{{{OWN}}}": 4, f"b{{{OWN}}}": -1, f"c{{{OWN}}}": 4}, {})
    assert one.flush()[0][f"a{{{OWN}}}"] == 5


def test_sets_count_what_is_different(statsd):
    one = statsd()

    one.take(b"users:alice|s\nusers:bob|s\nusers:alice|s")

    assert one.flush()[0] == {f"users{{{OWN}}}": 2}
    assert one.flush()[0] == {f"users{{{OWN}}}": 0}


def test_timers_become_histograms_in_seconds(statsd):
    one = statsd(timer_buckets=["0.1", "1"])

    one.take(b"t:50|ms\nt:100|ms|@0.5\nt:700|ms\nt:5000|ms")

    assert one.flush()[1] == {
        f"t_seconds_sum{{{OWN}}}": pytest.approx(5.95),
        f"t_seconds_count{{{OWN}}}": 5,
        f"t_seconds_bucket{{le=0.1,{OWN}}}": 3,
        f"t_seconds_bucket{{le=1.0,{OWN}}}": 4,
        f"t_seconds_bucket{{le=+Inf,{OWN}}}": 5,
    }


def test_histograms_have_buckets_of_their_own(statsd):
    one = statsd(histogram_buckets=["10"])

    one.take(b"size:5|h\nsize:50|d")

    assert one.flush()[1][f"size_bucket{{le=10.0,{OWN}}}"] == 1


def test_timers_become_summaries(statsd):
    one = statsd(timers="summary")

    one.take(b"\n".join(b"t:%d|ms" % ms for ms in range(1000, 101_000, 1000)))

    plain, grown = one.flush()
    assert plain == {
        f"t_seconds{{quantile=0.5,{OWN}}}": 50,
        f"t_seconds{{quantile=0.9,{OWN}}}": 90,
        f"t_seconds{{quantile=0.95,{OWN}}}": 95,
        f"t_seconds{{quantile=0.99,{OWN}}}": 99,
    }
    assert grown == {f"t_seconds_sum{{{OWN}}}": 5050, f"t_seconds_count{{{OWN}}}": 100}


def test_names_that_become_one_are_added_up(statsd):
    one = statsd()

    one.take(b"a.b:1|c\na-b:2|c\na.b:1|g\na-b:2|g")

    assert one.flush() == ({f"a_b{{{OWN}}}": 2}, {f"a_b_total{{{OWN}}}": 3})


def test_types_are_told(statsd):
    one = statsd()
    one.take(b"a:1|c\nb:1|g\nc:1|ms\nd:1|s")
    one.one.now += timedelta(seconds=10)

    found = {n: m.type for n, m in one.one.poll().batch.metadata.items()}

    assert found == {
        "a_total": MetricType.COUNTER,
        "b": MetricType.GAUGE,
        "c_seconds": MetricType.HISTOGRAM,
        "d": MetricType.GAUGE,
    }


def test_what_nobody_sends_any_more_ends(statsd):
    one = statsd()
    one.take(b"a:1|g\nb:1|c")
    one.flush()

    one.one.now += timedelta(minutes=5)

    assert one.flush()[0] == {f"a{{{OWN}}}": "stale"}
    assert one.flush() == ({}, {})


def test_while_nothing_can_be_stored_it_goes_on_adding_up(statsd):
    one = statsd()
    one.take(b"a:1|c")
    one.one.now += timedelta(seconds=10)
    refused = one.one.poll()
    one.one.connector.settle(Outcome.REFUSED, one.one.now)

    one.take(b"a:2|c")

    assert one.one.poll() is refused
    one.one.connector.settle(Outcome.STORED, one.one.now)
    assert one.flush()[1] == {f"a_total{{{OWN}}}": 2}


def test_an_orderly_end_brings_in_what_has_come_since_the_last_flush(statsd):
    one = statsd()
    one.one.send(b"a:1|c")

    assert one.one.connector.finish()

    (_, grown) = one.one.poll().batches
    one.one.connector.settle(Outcome.STORED, one.one.now)
    assert values(grown) == {f"a_total{{{OWN}}}": 1}
    assert one.one.poll() is None


def test_series_beyond_the_limit_are_counted(statsd, monkeypatch):
    monkeypatch.setattr(aggregation, "MAX_SERIES", 2)
    one = statsd()

    one.take(b"a:1|c\nb:1|c\nc:1|c\nd:1|c\na:1|c")

    assert one.flush()[1] == {f"a_total{{{OWN}}}": 2, f"b_total{{{OWN}}}": 1}
    assert "2 values left out: the source has as many series" in one.one.await_problem()


def test_what_is_no_statsd_is_told(statsd):
    one = statsd()

    one.take(b"hello\na:1|c")

    assert "1 values left out that are no statsd, the last of them 'hello'" in (
        one.one.await_problem()
    )


def test_tcp(listen):
    one = listen("statsd", transport="tcp")

    one.send_stream(b"12.5:1|c\na:1|c\n")
    await_size(one, len(b"12.5:1|ca:1|c"))

    one.now += timedelta(seconds=10)
    assert values(one.poll().batches[1]) == {
        "_12_5_total{source=net}": 1,
        "a_total{source=net}": 1,
    }
