from __future__ import annotations

import pytest

from sources.connectors.probe import Probe
from tests.sources.connectors.asking import Asking


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
