from __future__ import annotations

import pytest

from accounts.scope import SYSTEM, Role, Scope, TeamRole

pytestmark = pytest.mark.unit

PAYMENTS, PLATFORM = 1, 2


def member(**team_roles: TeamRole) -> Scope:
    roles = {
        {"payments": PAYMENTS, "platform": PLATFORM}[k]: v
        for k, v in team_roles.items()
    }
    return Scope(1, "acme", SYSTEM, Role.MEMBER, team_roles=roles)


def test_a_member_sees_their_own_teams_things():
    scope = member(payments=TeamRole.VIEWER)

    assert scope.sees_team(PAYMENTS)


def test_a_member_does_not_see_another_teams_things():
    scope = member(payments=TeamRole.MAINTAINER)

    assert not scope.sees_team(PLATFORM)


def test_what_belongs_to_no_team_is_seen_by_every_member():
    assert member().sees_team(None)


def test_an_admin_sees_every_team():
    scope = Scope(1, "acme", SYSTEM, Role.ADMIN)

    assert scope.visible_teams is None


@pytest.mark.parametrize(
    ("held", "asked", "allowed"),
    [
        pytest.param(
            TeamRole.VIEWER, TeamRole.RESPONDER, False, id="viewer_looks_only"
        ),
        pytest.param(
            TeamRole.RESPONDER, TeamRole.RESPONDER, True, id="responder_responds"
        ),
        pytest.param(
            TeamRole.RESPONDER, TeamRole.MAINTAINER, False, id="responder_keeps_off"
        ),
        pytest.param(
            TeamRole.MAINTAINER, TeamRole.RESPONDER, True, id="maintainer_may_all"
        ),
    ],
)
def test_a_team_role_includes_the_lower_ones(held, asked, allowed):
    assert member(payments=held).has_team_role(PAYMENTS, asked) is allowed


def test_a_role_in_one_team_says_nothing_in_another():
    scope = member(payments=TeamRole.MAINTAINER)

    assert not scope.has_team_role(PLATFORM, TeamRole.VIEWER)
