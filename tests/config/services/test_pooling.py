from __future__ import annotations

import pytest

from config.services.pooling import use_pool

pytestmark = pytest.mark.unit


def test_a_pool_takes_the_place_of_connections_kept_by_thread():
    database = {"CONN_MAX_AGE": 60, "OPTIONS": {"sslmode": "require"}}

    use_pool(database, size=7)

    assert database["CONN_MAX_AGE"] == 0
    assert database["OPTIONS"]["pool"]["max_size"] == 7
    assert database["OPTIONS"]["sslmode"] == "require"


def test_without_a_size_all_stays_as_it_is():
    database = {"CONN_MAX_AGE": 60}

    use_pool(database, size=0)

    assert database == {"CONN_MAX_AGE": 60}
