from __future__ import annotations

import pytest

from tests.sources.connectors.tailing import Tailing


@pytest.fixture
def tailing(tmp_path, settings):
    """Return a function that starts tailing under tmp_path; all are closed at the end."""
    settings.FILE_SOURCE_ROOTS = [tmp_path]
    started = []

    def start(*patterns: str, **config):
        started.append(Tailing(tmp_path, *patterns, **config))
        return started[-1]

    yield start
    for one in started:
        one.connector.close()
