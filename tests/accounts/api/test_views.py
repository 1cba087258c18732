from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.models import ApiToken, AuditEntry, Team
from accounts.services.tokens import find_token
from tests.api_client import TokenClient, client_for
from tests.factories.accounts import make_token

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def session_of(user) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def test_without_credentials_the_answer_is_401(cast):
    response = APIClient().get("/api/v1/me")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "not_authenticated"


def test_a_wrong_token_is_401(cast):
    response = TokenClient("vdt_wrong").get("/me")

    assert response.status_code == 401
    assert response.json() == {
        "error": {
            "code": "authentication_failed",
            "detail": "The token is unknown, expired or revoked.",
        }
    }


def test_a_session_of_one_organization_need_not_name_it(cast):
    response = session_of(cast.bob).get("/api/v1/me")

    assert response.json()["organization"] == "acme"


def test_a_session_cannot_name_an_organization_that_is_not_theirs(cast):
    _ = cast.acme

    response = session_of(cast.mallory).get("/api/v1/me", HTTP_X_SCOPE_ORGID="acme")

    assert response.status_code == 404


def test_a_platform_token_must_name_an_organization(cast):
    response = TokenClient(make_token(None)).get("/me")

    assert response.status_code == 400
    assert "X-Scope-OrgID" in response.json()["error"]["detail"]


def test_a_token_without_the_permission_is_403(cast):
    response = client_for(cast.acme, "ingest").get("/me")

    assert response.status_code == 403
    assert "“read”" in response.json()["error"]["detail"]


def test_a_new_token_is_shown_once(cast):
    client = client_for(cast.acme)

    created = client.post(
        "/tokens", {"name": "ci", "scopes": ["read"]}, format="json"
    ).json()

    assert find_token(
        created["token"], now=ApiToken.objects.get(pk=created["id"]).created_at
    )
    assert "token" not in client.get(f"/tokens/{created['id']}").json()


def test_a_token_cannot_hand_on_more_than_it_holds(cast):
    client = client_for(cast.acme, "read", "admin")

    response = client.post("/tokens", {"scopes": ["write"]}, format="json")

    assert response.status_code == 403


def test_another_organizations_token_does_not_exist(cast):
    theirs = ApiToken.objects.get(digest=_digest(make_token(cast.globex)))

    response = client_for(cast.acme).post(f"/tokens/{theirs.pk}/revoke")

    assert response.status_code == 404


def test_another_organizations_team_cannot_be_named(cast):
    Team.unscoped.create(organization=cast.globex, slug="spies", name="Spies")

    response = client_for(cast.acme).post(
        "/tokens", {"scopes": ["read"], "team": "spies"}, format="json"
    )

    assert response.status_code == 400
    assert "team" in response.json()["error"]["fields"]


def test_an_unknown_field_is_named(cast):
    response = client_for(cast.acme).post(
        "/teams", {"name": "X", "slug": "x", "colour": "red"}, format="json"
    )

    assert response.status_code == 400
    assert response.json()["error"]["fields"] == {
        "colour": ["Unknown field; known: name, slug."]
    }


def test_a_change_is_audited_with_who_made_it(cast):
    client_for(cast.acme).post(
        "/teams", {"name": "Data", "slug": "data"}, format="json"
    )

    entry = AuditEntry.unscoped.get(action="team.create")
    assert (entry.object_name, entry.actor_kind) == ("Data", "token")


def test_a_member_may_not_read_the_audit_log(cast):
    assert session_of(cast.bob).get("/api/v1/audit").status_code == 403


def test_an_owner_reads_only_their_own_audit_log(cast):
    client_for(cast.globex).post(
        "/teams", {"name": "Spies", "slug": "spies"}, format="json"
    )

    entries = session_of(cast.alice).get("/api/v1/audit").json()["results"]

    assert "Spies" not in str(entries)


def test_a_method_that_does_not_exist_is_405(cast):
    response = client_for(cast.acme).delete("/organization")

    assert response.status_code == 405


def test_lists_come_in_pages(cast):
    for number in range(3):
        Team.unscoped.create(organization=cast.acme, slug=f"t{number}", name="T")
    client = client_for(cast.acme)

    first = client.get("/teams?limit=2").json()
    second = client.get(first["next"].replace("http://testserver", "")).json()

    assert (len(first["results"]), len(second["results"]), second["next"]) == (
        2,
        1,
        None,
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("cursor=zzz", "cursor"),
        ("slgu=payments", "slgu"),
    ],
)
def test_a_list_says_which_parameter_is_wrong(cast, query, field):
    response = client_for(cast.acme).get(f"/teams?{query}")

    assert response.status_code == 400
    assert field in response.json()["error"]["fields"]


def _digest(secret: str) -> str:
    from accounts.services.tokens import digest_of

    return digest_of(secret)
