from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from accounts.scope import Permission, Role
from accounts.services.tokens import (
    NoOrganizationError,
    UnknownOrganizationError,
    create_token,
    find_token,
    revoke_token,
    scope_of_token,
)
from tests.factories.accounts import make_token, token_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_only_the_hash_of_a_token_is_kept(cast):
    token, secret = create_token(cast.acme, permissions=[Permission.READ])

    stored = ApiToken.objects.values().get(pk=token.pk)
    assert secret not in map(str, stored.values())


def test_a_token_is_found_by_its_secret(cast):
    token, secret = create_token(cast.acme, permissions=[Permission.READ])

    assert find_token(secret, now=timezone.now()) == token


@pytest.mark.parametrize("secret", ["", "vdt_wrong", "\x00"])
def test_a_wrong_secret_finds_nothing(cast, secret):
    make_token(cast.acme)

    assert find_token(secret, now=timezone.now()) is None


def test_an_expired_token_finds_nothing(cast):
    now = timezone.now()
    secret = make_token(cast.acme, expires_at=now + timedelta(days=1))

    assert find_token(secret, now=now + timedelta(days=2)) is None


def test_a_revoked_token_finds_nothing(cast):
    now = timezone.now()
    token, secret = create_token(cast.acme, permissions=[Permission.READ])

    revoke_token(cast.system(), token, now=now)

    assert find_token(secret, now=now) is None


def test_a_tokens_organization_cannot_be_overridden(cast):
    secret = make_token(cast.acme)

    with pytest.raises(UnknownOrganizationError):
        token_scope(secret, cast.globex.slug)


def test_a_platform_token_chooses_its_organization(cast):
    secret = make_token(None)

    assert token_scope(secret, cast.globex.slug).organization_id == cast.globex.pk


def test_a_platform_token_must_choose(cast):
    token, _ = create_token(None, permissions=[Permission.READ])

    with pytest.raises(NoOrganizationError):
        scope_of_token(token, requested_slug=None)


def test_a_team_token_reaches_as_far_as_its_team(cast):
    scope = token_scope(make_token(cast.acme, team=cast.payments))

    assert scope.visible_teams == {cast.payments.pk}


def test_only_the_admin_scope_makes_a_token_an_owner(cast):
    scope = token_scope(make_token(cast.acme, Permission.READ, Permission.WRITE))

    assert scope.role is Role.ADMIN
