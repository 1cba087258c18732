from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.scope import Permission
from alerts.models import Rule
from sources.models import Heartbeat
from tests.api_client import client_for

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def client(cast):
    return client_for(cast.acme, Permission.READ, Permission.WRITE)


def make(client, **wanted):
    return client.post("/heartbeats", {"name": "Backup", **wanted}, format="json")


def test_a_heartbeat_is_made_with_its_address_and_a_rule(client, cast):
    answer = make(client, kind="cron", schedule="0 3 * * *", zone="Europe/Berlin")

    assert answer.status_code == 201
    made = answer.json()
    assert (made["slug"], made["status"]) == ("backup", "new")
    assert made["slug_url"].endswith("/ping/<PING_KEY>/backup")
    assert AuditEntry.unscoped.filter(action="heartbeat.create").exists()
    assert Rule.unscoped.get(organization=cast.acme).name == "Heartbeat missed"


def test_the_rule_is_made_once_and_not_again_after_it_was_deleted(client, cast):
    make(client)
    Rule.unscoped.all().delete()

    make(client, name="Another")

    assert not Rule.unscoped.exists()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"timeout_seconds": 5}, "timeout_seconds"),
        ({"grace_seconds": 5}, "grace_seconds"),
        ({"kind": "cron", "schedule": "x"}, "schedule"),
        ({"kind": "cron", "zone": "Nowhere"}, "schedule"),
        ({"slug": "Über"}, "slug"),
        ({"tags": ["two words"]}, "tags"),
        ({"colour": "red"}, "colour"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_cannot_be_is_named(client, wanted, field):
    answer = make(client, **wanted)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_change_keeps_the_rest(client):
    url = f"/heartbeats/{make(client, tags=['prod']).json()['id']}"

    changed = client.patch(url, {"grace_seconds": 120}, format="json").json()

    assert (changed["grace_seconds"], changed["tags"]) == (120, ["prod"])
    entry = AuditEntry.unscoped.get(action="heartbeat.update")
    assert entry.after == {"grace_seconds": 120}


def test_pausing_resuming_and_deleting(client):
    url = f"/heartbeats/{make(client).json()['id']}"

    assert client.post(f"{url}/pause").json()["status"] == "paused"
    assert client.post(f"{url}/resume").json()["status"] == "new"
    again = client.post(f"{url}/resume")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_paused")
    assert client.delete(url).status_code == 204
    assert not Heartbeat.unscoped.exists()


def test_pings_are_listed_with_their_bodies(client):
    made = make(client).json()
    job = Client()
    job.post(
        f"/ping/{Heartbeat.unscoped.get().code}/1", b"bad", content_type="text/plain"
    )
    url = f"/heartbeats/{made['id']}"

    [ping] = client.get(f"{url}/pings").json()["results"]
    [flip] = client.get(f"{url}/flips").json()["results"]

    assert (ping["number"], ping["kind"], ping["size"]) == (1, "fail", 3)
    assert (flip["from_status"], flip["to_status"]) == ("new", "down")
    assert client.get(f"{url}/pings/1/body").content == b"bad"
    assert client.get(f"{url}/pings/2/body").status_code == 404


def test_the_ping_key_is_shown_and_renewed(client):
    assert client.get("/heartbeats/ping-key").json() == {"key": ""}

    key = client.post("/heartbeats/ping-key").json()["key"]

    assert client.get("/heartbeats/ping-key").json() == {"key": key}
    assert key not in str(list(AuditEntry.unscoped.values()))


def test_a_reader_cannot_see_the_ping_key(cast):
    reader = client_for(cast.acme, Permission.READ)

    assert reader.get("/heartbeats/ping-key").status_code == 403


def test_another_teams_heartbeat_does_not_exist(client, cast):
    made = make(client, team=cast.payments.slug).json()
    other = client_for(cast.acme, Permission.READ, Permission.WRITE, team=cast.platform)

    assert other.get("/heartbeats").json()["results"] == []
    assert other.get(f"/heartbeats/{made['id']}").status_code == 404
    assert other.delete(f"/heartbeats/{made['id']}").status_code == 404
