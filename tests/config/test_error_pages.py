from __future__ import annotations

import pytest
from django.test import AsyncClient

pytestmark = pytest.mark.integration

PUSHED_TO = [
    "/api/v1/metrics",
    "/api/v1/push",
    "/api/v1/write",
    "/prometheus/api/v1/write",
    "/loki/api/v1/push",
    "/v1/logs",
    "/v1/metrics",
    "/services/collector/event",
    "/gelf",
    "/journald/upload",
    "/api/v2/logs",
    "/api/v2/write",
]


async def test_an_unknown_address_of_the_api_is_answered_in_the_api_s_shape():
    response = await AsyncClient().get("/api/v1/nothing")

    assert response.status_code == 404
    assert response.json() == {
        "error": {"code": "not_found", "detail": "There is nothing at this address."}
    }


@pytest.mark.parametrize("path", ["/prometheus/api/v1/x", "/loki/x", "/v1/traces"])
async def test_an_unknown_address_of_a_protocol_is_answered_in_plain_words(path):
    response = await AsyncClient().get(path)

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content == b"There is nothing at this address.\n"


@pytest.mark.parametrize("path", PUSHED_TO)
async def test_what_is_only_pushed_to_is_not_read(path):
    response = await AsyncClient().get(path)

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize("method", ["head", "options", "delete"])
async def test_nor_is_it_asked_by_another_method(method):
    response = await getattr(AsyncClient(), method)("/loki/api/v1/push")

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


async def test_each_protocol_says_so_in_its_own_words():
    own = await AsyncClient().get("/api/v1/metrics")
    prometheus = await AsyncClient().get("/api/v1/write")
    elastic = await AsyncClient().get("/elasticsearch/shop/_bulk")

    assert own.json()["error"]["code"] == "method_not_allowed"
    assert prometheus.content == b"GET is not allowed here.\n"
    assert elastic.json()["error"]["reason"] == "GET is not allowed here."
    assert elastic.headers["Allow"] == "POST, PUT"


async def test_what_is_pushed_to_and_read_is_read():
    response = await AsyncClient().get("/api/v1/logs")

    assert response.status_code == 401
