"""An inbox that nobody drains, so that it is full after a few hundred records."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import httpx

from tests.platform import Platform

PATIENCE = 90
_LINE = {"streams": [{"stream": {"a": "b"}, "values": [["1", "x"]]}]}


@contextlib.contextmanager
def idle_workers(platform: Platform) -> Iterator[None]:
    """Let the workers stand still."""
    pids = platform.pids("qcluster")
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def refusal(platform: Platform, token: str) -> httpx.Response:
    """Wait until a push is refused, and return that answer."""
    deadline = time.monotonic() + PATIENCE
    with platform.client(token) as client:
        while time.monotonic() < deadline:
            answer = client.post(f"{platform.url}/loki/api/v1/push", json=_LINE)
            if not answer.is_success:
                return answer
            time.sleep(0.2)
    raise TimeoutError("the inbox does not fill")
