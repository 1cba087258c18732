from __future__ import annotations

import base64

import pytest
from django.db import OperationalError, connection
from django.test import Client

from monitoring.models import DeleteRequest
from tests.api_client import client_for
from tests.factories.accounts import make_token
from tests.monitoring.api.loki.conftest import NOW_NS, LokiClient, seconds_before

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/loki/api/v1/query?query=vector(1)"


def basic(secret):
    return "Basic " + base64.b64encode(f"grafana:{secret}".encode()).decode()


@pytest.mark.parametrize("scheme", ["Bearer {}", "{}"])
def test_a_token_is_a_bearers_or_a_password(cast, scheme):
    secret = make_token(cast.acme, "read")
    said = scheme.format(secret) if "Bearer" in scheme else basic(secret)

    assert Client().get(URL, headers={"Authorization": said}).status_code == 200


def test_without_a_token_there_is_no_answer(cast):
    response = Client().get(URL)

    assert response.status_code == 401
    assert response["Content-Type"].startswith("text/plain")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense"])
def test_anybody_may_ask_whether_it_is_ready(db, authorization):
    headers = {"Authorization": authorization} if authorization else {}

    response = Client().get("/loki/ready", headers=headers)

    assert (response.status_code, response.content) == (200, b"ready\n")
    assert response["Content-Type"] == "text/plain; charset=utf-8"


def test_without_a_database_it_is_not_ready(db):
    def away(*_query):
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        response = Client().get("/loki/ready")

    assert response.status_code == 503
    assert response.content.startswith(b"The database is away")


@pytest.mark.parametrize(
    ("organization", "status"), [("acme", 200), ("nobody", 404), (None, 400)]
)
def test_a_platforms_token_says_for_whom_it_asks(cast, organization, status):
    _ = cast.acme
    headers = {"Authorization": f"Bearer {make_token(None, 'read')}"}
    if organization:
        headers["X-Scope-OrgID"] = organization

    assert Client().get(URL, headers=headers).status_code == status


def test_a_token_that_only_sends_may_not_read(cast):
    assert client_for(cast.acme, "ingest").get(URL).status_code == 403


def test_other_methods_are_not_allowed(loki):
    assert loki.rest.put("/loki/api/v1/labels").status_code == 405


@pytest.fixture
def admin(cast) -> LokiClient:
    return LokiClient(client_for(cast.acme, "read", "write", "admin"))


def ask_to_delete(admin, **parameters):
    wanted = {"query": '{app="shop"}', "start": seconds_before(60), **parameters}
    address = "&".join(f"{name}={value}" for name, value in wanted.items())
    return admin.rest.post(f"/loki/api/v1/delete?{address}")


def test_a_delete_is_asked_for_told_and_taken_back(admin, store):
    store("gone")

    asked = ask_to_delete(admin, end=str(NOW_NS + 1))
    hidden = admin.data("query_range", query='{app="shop"}')["result"]
    [told] = admin.json("delete")
    taken_back = admin.rest.delete(
        f"/loki/api/v1/delete?request_id={told['request_id']}"
    )

    assert (asked.status_code, hidden, taken_back.status_code) == (204, [], 204)
    assert told["query"] == '{app="shop"}'
    assert told["status"] == "received"
    assert admin.data("query_range", query='{app="shop"}')["result"] != []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"query": ""}, "query not set"),
        ({"query": "{"}, "invalid query: parse error"),
        ({"query": '{app="shop"} |= "x"'}, "invalid query: lines are deleted by their"),
        ({"start": ""}, "start time not set"),
        ({"start": "2"}, "start time can't be greater than end time"),
        ({"end": "4000000000"}, "deletes in the future are not allowed"),
    ],
)
def test_a_delete_that_cannot_be_is_refused(admin, parameters, expected):
    response = ask_to_delete(admin, **{"end": "1", **parameters})

    assert response.status_code == 400
    assert response.content.decode().startswith(expected)
    assert not DeleteRequest.unscoped.exists()


def test_a_delete_that_nobody_asked_for_cannot_be_taken_back(admin):
    response = admin.rest.delete("/loki/api/v1/delete?request_id=12")

    assert response.status_code == 404
