"""Healthchecks's management API, in the words of its documentation."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.scope import Permission
from sources.models import Heartbeat
from tests.factories.accounts import make_token

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/v3/checks/"


def client_with(organization, *permissions) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=make_token(organization, *permissions))
    return client


@pytest.fixture
def client(cast):
    return client_with(cast.acme, Permission.READ, Permission.WRITE)


def make(client, **wanted):
    return client.post(URL, {"name": "Backup", **wanted}, format="json")


def test_a_check_is_made_and_shown(client):
    answer = make(client, slug="backup", tags="prod www", timeout=3600, grace=60)

    assert answer.status_code == 201
    check = answer.json()
    assert (check["status"], check["n_pings"]) == ("new", 0)
    assert (check["timeout"], check["grace"]) == (3600, 60)
    assert check["tags"] == "prod www"
    assert check["ping_url"].endswith(f"/ping/{check['uuid']}")
    assert client.get(URL).json() == {"checks": [check]}
    assert client.get(URL + check["uuid"]).json() == check


@pytest.mark.parametrize(
    ("schedule", "kind"), [("0 3 * * *", "cron"), ("Mon..Fri 03:00", "oncalendar")]
)
def test_a_schedule_is_told_from_its_words(client, schedule, kind):
    check = make(client, schedule=schedule, tz="Europe/Berlin").json()

    assert (check["schedule"], check["tz"]) == (schedule, "Europe/Berlin")
    assert "timeout" not in check
    assert Heartbeat.unscoped.get().kind == kind


def test_what_is_unique_is_updated_instead(client):
    first = make(client, timeout=3600).json()

    again = make(client, timeout=7200, unique=["name"])

    assert (again.status_code, again.json()["uuid"]) == (200, first["uuid"])
    assert Heartbeat.unscoped.get().timeout_seconds == 7200


def test_checks_are_chosen_by_tag_and_slug(client):
    make(client, tags="a b", slug="one")
    make(client, tags="a", slug="two")

    def chosen(query):
        return [c["slug"] for c in client.get(URL + query).json()["checks"]]

    assert chosen("?tag=a&tag=b") == ["one"]
    assert chosen("?slug=two") == ["two"]


def test_a_check_is_paused_resumed_and_deleted(client):
    url = URL + make(client).json()["uuid"]

    assert client.post(f"{url}/resume").status_code == 409
    assert client.post(f"{url}/pause").json()["status"] == "paused"
    assert client.post(f"{url}/resume").json()["status"] == "new"
    assert client.delete(url).status_code == 200
    assert client.get(url).status_code == 404


def test_pings_bodies_and_flips_are_told(client):
    check = make(client).json()
    APIClient().post(f"/ping/{check['uuid']}/3", b"it broke", content_type="text/plain")
    url = URL + check["uuid"]

    ping = client.get(f"{url}/pings/").json()["pings"][0]

    assert (ping["type"], ping["n"], ping["method"]) == ("exitstatus", 1, "POST")
    assert client.get(f"{url}/pings/1/body").content == b"it broke"
    assert [f["up"] for f in client.get(f"{url}/flips/").json()] == [0]


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"timeout": "x"}, "json validation error: timeout is not a number"),
        ({"colour": "red"}, "json validation error: colour is an unexpected property"),
        ({"unique": ["id"]}, "json validation error: unexpected value in unique"),
        ({"timeout": 1}, "timeout_seconds: This must be 60 to 31536000 seconds."),
    ],
    ids=["type", "unknown", "unique", "bounds"],
)
def test_what_cannot_be_is_refused_with_the_reason(client, wanted, complaint):
    answer = make(client, **wanted)

    assert (answer.status_code, answer.json()) == (400, {"error": complaint})


def test_a_key_is_needed(cast):
    assert APIClient().get(URL).json() == {"error": "missing api key"}
    stranger = APIClient()
    stranger.credentials(HTTP_X_API_KEY="nonsense")
    assert stranger.get(URL).json() == {"error": "wrong api key"}
    assert stranger.get(URL).status_code == 401


def test_a_key_that_reads_does_not_write(cast):
    reader = client_with(cast.acme, Permission.READ)

    assert reader.get(URL).status_code == 200
    assert make(reader).status_code == 403


def test_to_another_organization_the_check_does_not_exist(client, cast):
    check = make(client).json()
    mallory = client_with(cast.globex, Permission.READ, Permission.WRITE)

    assert mallory.get(URL).json() == {"checks": []}
    assert mallory.get(URL + check["uuid"]).status_code == 404
    assert mallory.delete(URL + check["uuid"]).status_code == 404
