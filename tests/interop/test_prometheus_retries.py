"""What is killed, restarted or full while a Prometheus sends: no gap, and no double."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.interop.full_inbox import idle_workers, refusal
from tests.interop.pairs import PATIENCE, Pair, await_equal, await_samples

pytestmark = pytest.mark.interop

# What stands in the blocks once they are merged: rows, and how many of them differ.
COUNTED = """
from datetime import timedelta
from django.utils import timezone
import numpy as np
from accounts.models import Organization
from monitoring.models import SampleBlock
from monitoring.models.series import Series
from monitoring.services.compaction import compact
from monitoring.store.blocks import Samples, decode_samples
org = Organization.objects.get(slug="demo").pk
for _ in range(4):
    list(compact(org, now=timezone.now() + timedelta(days=2)))
blocks = SampleBlock.objects.filter(organization_id=org)
all = Samples.join([decode_samples(bytes(b.payload)) for b in blocks])
ours = [s.pk for s in Series.unscoped.filter(organization_id=org)
        if s.labels.get("job") == "shop"]
kept = all.take(np.isin(all.series, ours))
pairs = np.stack([kept.series, kept.ts_ms])
print(len(kept), np.unique(pairs, axis=1).shape[1])
"""


def counts(pair: Pair, end: float) -> tuple[dict, dict]:
    """Return how many samples each series has, at the sender and at the receiver."""
    names = pair.sender.get("label/__name__/values", match='{job="shop"}')
    found: tuple[dict, dict] = ({}, {})
    for name in names:
        question = f'count_over_time({name}{{job="shop"}}[1h])'
        answers = pair.both("query", query=question, time=f"{end:.3f}")
        for counted, answer in zip(found, answers, strict=True):
            for series in answer["result"]:
                labels = (name, *sorted(series["metric"].items()))
                counted[labels] = int(series["value"][1])
    return found


def assert_nothing_is_missing_or_double(pair: Pair) -> None:
    end = await_samples(pair.sender, 3)
    await_equal(pair.sender, pair.receiver, end)
    theirs, ours = counts(pair, end)
    assert ours == theirs
    assert min(ours.values()) > 0


def counter(pair: Pair, name: str) -> float:
    """Return one of Prometheus's metrics about its own sending."""
    text = httpx.get(f"{pair.sender.base}/metrics", timeout=5).text
    prefix = f"prometheus_remote_storage_{name}"
    lines = [line for line in text.splitlines() if line.startswith(prefix)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def await_more(pair: Pair, name: str, than: float) -> None:
    deadline = time.monotonic() + PATIENCE
    while counter(pair, name) <= than:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_whatever_is_killed_every_sample_arrives_once(pair):
    killed = {}

    for victim in ("qcluster", "config.asgi", "redis-server", "postgres -D"):
        killed[victim] = pair.platform.kill(victim)
        await_samples(pair.sender, 3)
    pair.platform.wait_until_ready()

    assert_nothing_is_missing_or_double(pair)
    assert all(killed.values()), killed


def test_while_the_inbox_is_full_prometheus_waits(pair):
    before = counter(pair, "samples_retried_total")

    with idle_workers(pair.platform):
        await_more(pair, "samples_retried_total", before)
        refused = refusal(pair.platform, pair.token)
        await_samples(pair.sender, 6)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert_nothing_is_missing_or_double(pair)


def test_across_a_restart_every_sample_arrives_once(pair):
    pair.platform.halt()
    await_samples(pair.sender, 4)
    pair.platform.start()

    assert_nothing_is_missing_or_double(pair)


def test_after_all_that_the_store_has_each_sample_once(pair):
    assert_nothing_is_missing_or_double(pair)

    rows, different = pair.platform.manage("shell", "-v0", "-c", COUNTED).split()

    assert int(rows) == int(different) > 0
    assert counter(pair, "samples_retried_total") > 0
    assert counter(pair, "samples_dropped_total") == 0
    assert counter(pair, "samples_failed_total") == 0
