from __future__ import annotations

import pytest

from tests.sources.connectors.listening import Listening


@pytest.fixture
def listen():
    """Return a function that makes a connector listen until the test ends."""
    made: list[Listening] = []

    def start(kind: str = "syslog", **config) -> Listening:
        made.append(Listening(kind, **config))
        return made[-1]

    yield start
    for one in made:
        one.connector.close()
