from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from accounts.scope import Permission
from accounts.services import tokens
from accounts.services.believed import Believed
from accounts.services.tokens import believed_token, create_token, revoke_token


@pytest.mark.unit
def test_an_answer_is_believed_for_some_seconds():
    clock = [0.0]
    known: Believed[str] = Believed(2.0, clock=lambda: clock[0])
    known.look_up("who", lambda: "alice")

    clock[0] = 2.0
    assert known.get("who") == "alice"
    clock[0] = 2.1
    assert known.get("who") is None


@pytest.mark.unit
def test_what_is_forgotten_is_asked_for_again():
    known: Believed[str] = Believed()
    known.look_up("who", lambda: "alice")

    known.forget("who")

    assert known.get("who") is None


@pytest.mark.unit
def test_an_answer_from_before_a_change_is_not_kept():
    known: Believed[str] = Believed()

    def ask() -> str:
        known.forget("who")  # As another thread does meanwhile.
        return "alice"

    assert known.look_up("who", ask) == "alice"
    assert known.get("who") is None


@pytest.mark.integration
@pytest.mark.django_db
class TestTokens:
    def test_a_believed_token_is_asked_for_once(
        self, cast, django_assert_num_queries, monkeypatch
    ):
        monkeypatch.setattr(tokens, "_believed", Believed(60.0))
        token, secret = create_token(cast.acme, permissions=[Permission.READ])
        believed_token(secret, now=timezone.now())

        with django_assert_num_queries(0):
            found = believed_token(secret, now=timezone.now())

        assert found == token
        assert found.organization == cast.acme

    def test_a_revoked_token_is_believed_no_longer(self, cast):
        token, secret = create_token(cast.acme, permissions=[Permission.READ])
        believed_token(secret, now=timezone.now())

        revoke_token(cast.system(), token, now=timezone.now())

        assert believed_token(secret, now=timezone.now()) is None

    def test_a_deleted_token_is_believed_no_longer(self, cast):
        _, secret = create_token(cast.acme, permissions=[Permission.READ])
        believed_token(secret, now=timezone.now())

        ApiToken.objects.all().delete()

        assert believed_token(secret, now=timezone.now()) is None

    def test_a_token_expires_while_it_is_believed(self, cast):
        now = timezone.now()
        later = now + timedelta(seconds=1)
        _, secret = create_token(
            cast.acme, permissions=[Permission.READ], expires_at=later
        )

        assert believed_token(secret, now=now) is not None
        assert believed_token(secret, now=later) is None

    def test_a_token_that_was_unknown_is_found_once_it_is_there(self, cast):
        token, secret = create_token(cast.acme, permissions=[Permission.READ])
        ApiToken.objects.all().delete()
        assert believed_token(secret, now=timezone.now()) is None

        token.save(force_insert=True)

        assert believed_token(secret, now=timezone.now()) is not None

    def test_the_use_of_a_believed_token_is_noted_every_minute(self, cast):
        now = timezone.now()
        token, secret = create_token(cast.acme, permissions=[Permission.READ])
        believed_token(secret, now=now)

        believed_token(secret, now=now + timedelta(seconds=30))
        token.refresh_from_db()
        assert token.last_used_at == now

        believed_token(secret, now=now + timedelta(seconds=90))
        token.refresh_from_db()
        assert token.last_used_at == now + timedelta(seconds=90)
