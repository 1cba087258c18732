"""What every test shares: PostgreSQL and Redis of this run's own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from hypothesis import settings as hypothesis_settings

from config.services.sharing import Servers
from tests.settings import OWN_STATE

# A run says of one commit always the same; `make fuzz` looks for more.
hypothesis_settings.register_profile("repeatable", derandomize=True)
hypothesis_settings.register_profile("exploring")
hypothesis_settings.load_profile("repeatable")

_servers = Servers(Path(os.environ[OWN_STATE]), throwaway=True)


def pytest_configure(config: pytest.Config) -> None:
    """Hold the run's servers; the first test that needs them starts them."""
    _servers.reserve()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers with the run's last process."""
    _servers.leave()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each parallel worker whole files: a file's tests share what they start."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(scope="session")
def embedded_servers() -> Servers:
    """PostgreSQL and Redis, running."""
    _servers.join()
    return _servers


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    embedded_servers: Servers, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Start the servers before pytest-django creates its database."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """End the connections that threads of the tests left open, or the drop fails."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def redis_client(embedded_servers: Servers):
    """This worker's Redis database, emptied before the test."""
    with contextlib.closing(redis.Redis.from_url(settings.REDIS_URL)) as client:
        client.flushdb()
        yield client


@pytest.fixture
def cast():
    """The people and organizations of the stories: see tests/factories/accounts.py."""
    from tests.factories.accounts import Cast

    return Cast()
