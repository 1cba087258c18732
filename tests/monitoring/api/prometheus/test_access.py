from __future__ import annotations

import base64

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from tests.api_client import client_for
from tests.factories.accounts import make_token

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/prometheus/api/v1/query?query=1"


def ask(url=URL, **headers):
    return Client().get(url, headers=headers)


def basic(secret, user="grafana"):
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def outcome(response):
    body = response.json()
    return response.status_code, body.get("errorType") or body["status"]


def test_a_token_is_a_bearers(cast):
    secret = make_token(cast.acme, "read")

    assert outcome(ask(Authorization=f"Bearer {secret}")) == (200, "success")


@pytest.mark.parametrize("user", ["", "grafana", "who:ever"])
def test_a_token_is_a_password(cast, user):
    secret = make_token(cast.acme, "read")

    response = ask(Authorization=basic(secret, user))

    expected = (401, "unauthorized") if ":" in user else (200, "success")
    assert outcome(response) == expected


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer nonsense",
        basic("nonsense"),
        "Basic ###",
        "Basic /w==",
        "Digest x",
        "Bearer",
        "Basic",
    ],
)
def test_without_a_good_token_there_is_no_answer(cast, authorization):
    response = ask(Authorization=authorization)

    assert outcome(response) == (401, "unauthorized")
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token_is_no_password(cast):
    secret = make_token(cast.acme, "read")
    ApiToken.objects.update(revoked_at=timezone.now())

    assert outcome(ask(Authorization=basic(secret))) == (401, "unauthorized")


def test_a_token_that_only_sends_may_not_read(cast):
    response = client_for(cast.acme, "ingest").get(URL)

    assert outcome(response) == (403, "forbidden")
    assert "read" in response.json()["error"]


def test_a_platforms_token_says_for_whom_it_asks(cast):
    secret = make_token(None, "read")
    acme = cast.acme.slug

    named = ask(Authorization=f"Bearer {secret}", **{"X-Scope-OrgID": acme})
    unnamed = ask(Authorization=f"Bearer {secret}")
    unknown = ask(Authorization=f"Bearer {secret}", **{"X-Scope-OrgID": "nobody"})

    assert outcome(named) == (200, "success")
    assert outcome(unnamed) == (400, "bad_data")
    assert "X-Scope-OrgID" in unnamed.json()["error"]
    assert outcome(unknown) == (404, "not_found")


def test_a_token_does_not_reach_another_organization(cast):
    secret = make_token(cast.globex, "read")

    response = ask(
        Authorization=f"Bearer {secret}", **{"X-Scope-OrgID": cast.acme.slug}
    )

    assert outcome(response) == (404, "not_found")


def test_the_dashboards_own_session_may_ask(cast):
    client = Client()
    client.force_login(cast.bob)

    assert outcome(client.get(URL)) == (200, "success")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "query"),
        ("delete", "series"),
        ("post", "metadata"),
        ("post", "label/a/values"),
    ],
)
def test_other_methods_are_not_allowed(cast, method, path):
    client = client_for(cast.acme, "read")

    response = getattr(client, method)(f"/prometheus/api/v1/{path}")

    assert outcome(response) == (405, "bad_data")
    assert "GET" in response["Allow"]


def test_a_form_with_too_many_fields_is_bad_data(cast):
    client = client_for(cast.acme, "read")

    response = client.post(
        "/prometheus/api/v1/series",
        "&".join(["match[]=up"] * 2000),
        content_type="application/x-www-form-urlencoded",
    )

    assert outcome(response) == (400, "bad_data")


def test_text_that_is_not_utf_8_is_answered(cast):
    client = client_for(cast.acme, "read")

    response = client.post(
        "/prometheus/api/v1/query",
        b"query=%ff%fe\xff&time=%ed%a0%80",
        content_type="application/x-www-form-urlencoded",
    )

    assert outcome(response) == (400, "bad_data")


def test_a_failure_of_ours_is_an_internal_error(cast, monkeypatch, caplog):
    from monitoring.services import queries

    monkeypatch.setattr(queries, "querier", None)

    response = client_for(cast.acme, "read").get(URL)

    assert outcome(response) == (500, "internal")
    assert "Prometheus API failed" in caplog.text
