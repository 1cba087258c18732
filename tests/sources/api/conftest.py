from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests.api_client import client_for


@pytest.fixture
def api(db, redis_client, cast):
    """A program with all permissions in Acme."""
    return client_for(cast.acme)


def as_user(user) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client
