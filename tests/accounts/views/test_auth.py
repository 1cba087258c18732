from __future__ import annotations

import pytest

from accounts.models import Membership
from tests.factories.accounts import PASSWORD, MembershipFactory, OrganizationFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def log_in(client, email, password=PASSWORD, **extra):
    return client.post("/login/", {"username": email, "password": password, **extra})


def test_a_stranger_is_sent_to_the_door(client):
    response = client.get("/o/acme/")

    assert response.status_code == 302
    assert response.url == "/login/?next=/o/acme/"


def test_whoever_signs_in_goes_on_to_where_they_wanted(client, cast):
    response = log_in(client, cast.bob.email, next="/o/acme/logs")

    assert response.url == "/o/acme/logs"


def test_nobody_is_sent_to_another_site(client, cast):
    response = log_in(client, cast.bob.email, next="https://evil.example/")

    assert response.url == "/"


def test_a_wrong_password_says_how_many_tries_are_left(client, cast, redis_client):
    response = log_in(client, cast.bob.email, "wrong")

    assert "4 tries left" in response.content.decode()


def test_too_many_wrong_tries_make_even_the_right_password_wait(
    client, cast, redis_client
):
    for _ in range(5):
        log_in(client, cast.bob.email, "wrong")

    response = log_in(client, cast.bob.email)

    assert response.status_code == 200
    assert "Wait 5 minutes" in response.content.decode()


def test_a_success_forgets_the_wrong_tries(client, cast, redis_client):
    for _ in range(4):
        log_in(client, cast.bob.email, "wrong")
    log_in(client, cast.bob.email)
    client.logout()

    response = log_in(client, cast.bob.email, "wrong")

    assert "4 tries left" in response.content.decode()


def test_an_unknown_address_is_told_nothing_more_than_a_known_one(
    client, cast, redis_client
):
    known = log_in(client, cast.bob.email, "wrong").context["form"].non_field_errors()
    unknown = log_in(client, "x@example.org", "wrong").context["form"]

    assert unknown.non_field_errors() == known


def test_home_leads_to_the_organization_looked_at_last(client, cast):
    MembershipFactory(user=cast.alice, organization=OrganizationFactory(slug="aaa"))
    client.force_login(cast.alice)
    client.cookies["organization"] = "acme"

    assert client.get("/").url == "/o/acme/"


def test_home_never_leads_to_an_organization_of_others(client, cast):
    _ = cast.acme
    client.force_login(cast.mallory)
    client.cookies["organization"] = "acme"

    assert client.get("/").url == "/o/globex/"


def test_without_an_organization_home_says_what_to_do(client, cast):
    Membership.objects.filter(user=cast.bob).delete()
    client.force_login(cast.bob)

    assert "Ask an owner" in client.get("/").content.decode()


def test_signing_out_wants_a_post(client, cast):
    client.force_login(cast.bob)

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").url == "/login/"
