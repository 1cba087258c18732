from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from accounts.services.secrets import decrypt
from alerts.models import NotificationChannel
from tests.api_client import client_for
from tests.factories.alerts import make_channel

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

WEBHOOK = {
    "name": "ops",
    "kind": "webhook",
    "config": {"url": "https://example.org/hook"},
    "secret": "s3cret",
}
PATH = "/notification-channels"


@pytest.fixture
def api(cast):
    return client_for(cast.acme)


def post(api, body):
    return api.post(PATH, body, format="json")


def test_a_channel_is_created_and_its_secret_never_shown(api):
    response = post(api, WEBHOOK | {"is_default": True})

    assert response.status_code == 201, response.json()
    assert response.json()["has_secret"] is True
    channel = NotificationChannel.unscoped.get()
    assert decrypt(channel.secret) == "s3cret"
    shown = api.get(f"{PATH}/{channel.pk}").content + api.get(PATH).content
    audited = str(AuditEntry.unscoped.values_list("before", "after"))
    for text in (response.content.decode(), shown.decode(), audited):
        assert "s3cret" not in text
        assert channel.secret not in text


def test_a_change_keeps_the_secret_unless_it_is_given(api):
    pk = post(api, WEBHOOK).json()["id"]

    api.patch(f"{PATH}/{pk}", {"name": "renamed"}, format="json")
    assert decrypt(NotificationChannel.unscoped.get().secret) == "s3cret"
    api.patch(f"{PATH}/{pk}", {"secret": ""}, format="json")

    assert NotificationChannel.unscoped.get().secret == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"config": {"url": "nonsense"}}, "config"),
        ({"config": {}}, "config"),
        ({"kind": "pigeon"}, "kind"),
        ({"name": ""}, "name"),
        ({"colour": "red"}, "colour"),
        ({"secret": "x" * 501}, "secret"),
    ],
)
def test_a_bad_field_is_named(api, change, field):
    response = post(api, WEBHOOK | change)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_two_channels_cannot_have_one_name(api):
    post(api, WEBHOOK)

    assert post(api, WEBHOOK).json()["error"]["fields"] == {
        "name": ["Another channel has this name."]
    }


def test_a_test_that_fails_says_why(api, cast):
    channel = make_channel(cast.acme)

    response = api.post(f"{PATH}/{channel.pk}/test")

    assert response.status_code == 502
    error = response.json()["error"]
    assert error["code"] == "delivery_failed"
    assert "not a public address" in error["detail"]


def test_another_organizations_channel_does_not_exist(api, cast):
    theirs = make_channel(cast.globex)

    assert api.get(PATH).json()["results"] == []
    assert api.get(f"{PATH}/{theirs.pk}").status_code == 404
    assert api.post(f"{PATH}/{theirs.pk}/test").status_code == 404
    assert api.delete(f"{PATH}/{theirs.pk}").status_code == 404


def test_another_teams_channel_does_not_exist(cast):
    theirs = make_channel(cast.acme, team=cast.payments)
    api = client_for(cast.acme, "read", "write", team=cast.platform)

    assert api.get(f"{PATH}/{theirs.pk}").status_code == 404


def test_a_teams_token_may_not_make_channels_for_everyone(cast):
    api = client_for(cast.acme, "read", "write", team=cast.platform)

    assert post(api, WEBHOOK).status_code == 403
    assert post(api, WEBHOOK | {"team": "platform"}).status_code == 201


def test_a_deleted_channel_is_gone(api):
    pk = post(api, WEBHOOK).json()["id"]

    assert api.delete(f"{PATH}/{pk}").status_code == 204
    assert not NotificationChannel.unscoped.exists()


def test_notifications_can_be_listed_and_filtered(api, cast):
    assert api.get("/notifications").json() == {"results": [], "next": None}
    assert api.get("/notifications", {"status": "dead"}).status_code == 200
    assert api.get("/notifications", {"status": "lost"}).status_code == 400


def with_headers(**headers):
    return {"url": "https://example.org/hook", "headers": headers}


def test_values_of_headers_are_not_shown_and_are_kept(api):
    created = post(api, WEBHOOK | {"config": with_headers(Authorization="Bearer 1")})
    address = f"{PATH}/{created.json()['id']}"
    shown = api.get(address).json()["config"]

    changed = api.patch(
        address,
        {"config": shown | {"headers": shown["headers"] | {"X-Room": "7"}}},
        format="json",
    )

    assert shown == with_headers(Authorization="********")
    assert changed.status_code == 200, changed.json()
    channel = NotificationChannel.unscoped.get()
    assert channel.config == with_headers(Authorization="Bearer 1", **{"X-Room": "7"})
    assert "Bearer 1" not in str(list(AuditEntry.unscoped.values_list("after")))


@pytest.mark.parametrize(
    "config",
    [
        with_headers(Authorization="********") | {"url": "https://evil.example/"},
        with_headers(Other="********"),
    ],
)
def test_hidden_values_go_to_no_other_address_and_no_other_name(api, config):
    created = post(api, WEBHOOK | {"config": with_headers(Authorization="Bearer 1")})

    response = api.patch(
        f"{PATH}/{created.json()['id']}", {"config": config}, format="json"
    )

    assert response.status_code == 400
    assert "Give the value of" in str(response.json()["error"]["fields"])
