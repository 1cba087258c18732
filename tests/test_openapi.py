"""The API against its own description."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
import schemathesis
from django.db import transaction
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.api_client import TokenClient
from tests.factories.accounts import make_token

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PUSHES = {"POST /api/v1/logs", "POST /api/v1/metrics"}


def generate() -> dict:
    reset_generator_stats()
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_description_is_sound():
    document = generate()

    validate_schema(document)
    assert not GENERATOR_STATS, "drf-spectacular warned"


def test_the_description_and_its_browser_are_served():
    client = Client()

    assert client.get("/api/schema/").status_code == 200
    assert "swagger" in client.get("/api/schema/browse/").content.decode()


def operations() -> list:
    schema = schemathesis.openapi.from_dict(generate())
    found = [result.ok() for result in schema.get_all_operations()]
    # Pushes never reach Django: tests/sources/ingest is about them.
    return [one for one in found if one.label not in PUSHES]


@pytest.mark.parametrize("operation", operations(), ids=lambda o: o.label)
def test_whatever_is_sent_the_server_does_not_fail(operation, cast):
    client = TokenClient(make_token(cast.acme))

    @settings(
        max_examples=4,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @seed(0)
    @given(case=operation.as_strategy())
    def send(case):
        body = case.body if isinstance(case.body, dict | list) else {}
        path = f"{case.formatted_path}?{urlencode(dict(case.query or {}), doseq=True)}"
        with transaction.atomic():
            response = client.generic(
                case.method, path, json.dumps(body), "application/json"
            )
            transaction.set_rollback(True)

        assert response.status_code < 500, response.content

    send()
