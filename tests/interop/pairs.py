"""A sender and a receiver, and waiting until they agree."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.interop.sender import PrometheusAPI, prometheus
from tests.platform import Platform

PATIENCE = 90


@dataclass(frozen=True, slots=True)
class Pair:
    """The sender, the receiver, and a moment whose samples both have."""

    platform: Platform
    token: str
    sender: PrometheusAPI
    receiver: PrometheusAPI
    start: float
    end: float

    def both(self, path: str, **parameters: str) -> tuple[Any, Any]:
        return tuple(
            ordered(one.get(path, **parameters)) for one in (self.sender, self.receiver)
        )


def ordered(data: Any) -> Any:
    """Return it with series in one order, of which answers make no promise."""
    if isinstance(data, dict) and data["resultType"] in {"vector", "matrix"}:
        result = sorted(data["result"], key=lambda s: sorted(s["metric"].items()))
        return {**data, "result": result}
    return sorted(data, key=str) if isinstance(data, list) else data


def await_equal(sender: PrometheusAPI, receiver: PrometheusAPI, end: float) -> None:
    """Wait until the receiver has every sample that the sender has up to `end`."""
    question = {"query": '{job="shop"}[1h]', "time": f"{end:.3f}"}
    expected = ordered(sender.get("query", **question))
    assert expected["result"]
    deadline = time.monotonic() + PATIENCE
    found: Any = None
    while time.monotonic() < deadline:
        try:
            found = ordered(receiver.get("query", **question))
        except httpx.HTTPError:
            found = "no answer"
        if found == expected:
            return
        time.sleep(0.3)
    assert found == expected


def await_samples(sender: PrometheusAPI, count: int) -> float:
    """Wait until the sender has scraped so often since now; return the time then."""
    began = time.time()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        moment = time.time()
        question = {"query": "count_over_time(up[1h])", "time": f"{moment:.3f}"}
        before = sender.get("query", **{**question, "time": f"{began:.3f}"})["result"]
        now = sender.get("query", **question)["result"]
        if now and int(now[0]["value"][1]) - _count(before) >= count:
            return moment
        time.sleep(0.2)
    raise TimeoutError("Prometheus does not scrape")


def _count(result: list[Any]) -> int:
    return int(result[0]["value"][1]) if result else 0


@contextlib.contextmanager
def paired(platform: Platform, directory: Path) -> Iterator[Pair]:
    """Let a Prometheus send to the platform until the end."""
    token = platform.token()
    receiver = PrometheusAPI(f"{platform.url}/prometheus", token)
    with prometheus(directory, url=platform.url, token=token) as sender:
        start = time.time()
        end = await_samples(sender, 10)
        await_equal(sender, receiver, end)
        yield Pair(platform, token, sender, receiver, start, end)
