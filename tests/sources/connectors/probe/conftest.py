from __future__ import annotations

import pytest

from sources.connectors.probe import Probe
from tests.sources.connectors.asking import Asking, values


@pytest.fixture
def probing():
    """Return a function that begins to probe; all are closed at the end."""
    started = []

    def start(kind: str, *targets: str, labels=None, **config) -> Asking:
        started.append(Asking(Probe, kind, labels, targets=list(targets), **config))
        return started[-1]

    yield start
    for one in started:
        one.connector.close()


@pytest.fixture
def found():
    """Return a function from a batch to its values, without the target's own labels."""

    def plain(batch) -> dict[str, float | str]:
        result = {}
        for series, value in values(batch).items():
            name, _, inner = series.removesuffix("}").partition("{")
            own = ("instance=", "job=", "target=", "source=")
            kept = [pair for pair in inner.split(",") if not pair.startswith(own)]
            result[f"{name}{{{','.join(kept)}}}" if kept else name] = value
        return result

    return plain
