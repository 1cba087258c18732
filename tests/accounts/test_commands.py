from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEntry, Membership, Organization, User
from accounts.scope import Permission, Role
from accounts.services.tokens import find_token

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def run(*arguments, **options) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_organizations_are_created():
    run("create_organization", "acme", "globex")

    assert set(Organization.objects.values_list("slug", flat=True)) == {
        "acme",
        "globex",
    }


def test_creating_an_organization_again_changes_nothing():
    run("create_organization", "acme")

    assert run("create_organization", "acme") == "acme exists\n"


def test_a_slug_that_cannot_be_one_is_refused():
    with pytest.raises(CommandError, match="lower-case letters"):
        run("create_organization", "Not A Slug")


def test_a_token_is_printed_alone(cast):
    _ = cast.acme

    secret = run("create_token", "acme", "--scopes", "ingest,read").removesuffix("\n")

    token = find_token(secret, now=timezone.now())
    assert set(token.permissions) == {Permission.INGEST, Permission.READ}


def test_a_team_token_belongs_to_the_team(cast):
    _ = cast.payments

    secret = run(
        "create_token", "acme", "--scopes", "read", "--team", "payments"
    ).strip()

    assert find_token(secret, now=timezone.now()).team == cast.payments


def test_a_platform_token_has_no_organization():
    secret = run("create_token", "--platform", "--scopes", "read").strip()

    assert find_token(secret, now=timezone.now()).organization is None


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nowhere", "--scopes", "read"], id="unknown_organization"),
        pytest.param(["acme", "--scopes", "fly"], id="unknown_scope"),
        pytest.param(["acme", "--scopes", "read", "--team", "x"], id="unknown_team"),
        pytest.param(["acme", "--platform", "--scopes", "read"], id="both"),
        pytest.param(["--scopes", "read"], id="neither"),
        pytest.param(["acme", "--scopes", "read", "--days", "0"], id="no_days"),
        pytest.param(["acme", "--scopes", "read", "--days", "9" * 9], id="days"),
    ],
)
def test_a_token_that_cannot_be_is_refused(cast, arguments):
    _ = cast.acme

    with pytest.raises(CommandError):
        run("create_token", *arguments)


def test_a_user_gets_a_place_in_the_organization(cast):
    _ = cast.acme

    password = run(
        "create_user", "dan@example.org", "--organization", "acme", "--role", "admin"
    ).strip()

    user = User.objects.get(email="dan@example.org")
    assert user.check_password(password)
    assert Membership.objects.get(user=user).role == Role.ADMIN


def test_a_weak_password_is_refused():
    with pytest.raises(CommandError):
        run("create_user", "dan@example.org", "--password", "123")


def test_verify_audit_proves_the_chains(cast):
    run("create_organization", "initech")

    assert "initech: 1 entries, intact" in run("verify_audit")


def test_verify_audit_fails_on_a_forgery():
    run("create_organization", "initech")
    AuditEntry.unscoped.update(actor_name="mallory")

    with pytest.raises(CommandError):
        run("verify_audit")
