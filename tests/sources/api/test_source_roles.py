from __future__ import annotations

import pytest

from accounts.scope import TeamRole
from tests.api_client import client_for
from tests.factories.accounts import TeamMembershipFactory
from tests.factories.sources import SourceFactory
from tests.sources.api.conftest import as_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/v1/sources"


def push(**given):
    return {"kind": "push", "name": "shop", **given}


def test_a_stranger_sees_nothing_of_a_source(cast, db, redis_client):
    source = SourceFactory(organization=cast.acme)
    mallory = client_for(cast.globex)

    assert mallory.get(URL).json()["results"] == []
    for method in ("get", "patch", "put", "delete"):
        assert getattr(mallory, method)(f"{URL}/{source.pk}").status_code == 404


def test_a_member_of_another_team_sees_nothing_of_a_teams_source(cast, db):
    source = SourceFactory(organization=cast.acme, team=cast.payments)

    assert as_user(cast.carol).get(f"{URL}/{source.pk}").status_code == 404
    assert as_user(cast.bob).get(f"{URL}/{source.pk}").status_code == 200


def test_a_viewer_may_look_but_not_change(cast, db):
    source = SourceFactory(organization=cast.acme, team=cast.payments)
    bob = as_user(cast.bob)

    assert bob.patch(f"{URL}/{source.pk}", {}, format="json").status_code == 403
    assert bob.delete(f"{URL}/{source.pk}").status_code == 403
    assert bob.post(URL, push(), format="json").status_code == 403


def test_a_maintainer_changes_the_teams_sources_and_no_others(cast, db, redis_client):
    TeamMembershipFactory(user=cast.carol, team=cast.payments, role=TeamRole.MAINTAINER)
    carol = as_user(cast.carol)
    mine = SourceFactory(organization=cast.acme, team=cast.payments)
    ours = SourceFactory(organization=cast.acme, team=None)

    changed = carol.patch(f"{URL}/{mine.pk}", {"labels": {"a": "b"}}, format="json")
    refused = carol.patch(f"{URL}/{ours.pk}", {"labels": {"a": "b"}}, format="json")

    assert (changed.status_code, refused.status_code) == (200, 403)
    assert refused.json()["error"]["detail"].startswith("Only admins")


def test_a_maintainer_cannot_hand_a_source_to_everyone(cast, db):
    TeamMembershipFactory(user=cast.carol, team=cast.payments, role=TeamRole.MAINTAINER)
    source = SourceFactory(organization=cast.acme, team=cast.payments)

    answer = as_user(cast.carol).patch(
        f"{URL}/{source.pk}", {"team": None}, format="json"
    )

    assert answer.status_code == 403
    source.refresh_from_db()
    assert source.team == cast.payments


def test_what_a_teams_token_makes_is_the_teams(cast, db, redis_client):
    program = client_for(cast.acme, "read", "write", team=cast.payments)

    answer = program.post(URL, push(), format="json")

    assert (answer.status_code, answer.json()["team"]) == (201, "payments")


def test_a_token_that_only_reads_makes_nothing(cast, db):
    answer = client_for(cast.acme, "read").post(URL, push(), format="json")

    assert answer.status_code == 403
    assert "“write”" in answer.json()["error"]["detail"]
