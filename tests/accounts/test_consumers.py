"""Who may hold a socket of an organization, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.models import ApiToken
from config.asgi import application
from tests.factories.accounts import PASSWORD, make_token

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Look at access anew twenty times a second."""
    monkeypatch.setattr("accounts.consumers.REAUTHORISE_SECONDS", 0.05)


@pytest.fixture
def browser(cast):
    client = Client()
    client.force_login(cast.alice)
    return client


@contextlib.contextmanager
def renamed(table: str, name: str):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {name} RENAME TO {table}")


def page_socket(browser, *, origin="http://testserver", org="acme"):
    cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value
    headers = [
        (b"host", b"testserver"),
        (b"origin", origin.encode()),
        (b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()),
    ]
    return WebsocketCommunicator(application, f"/ws/live?org={org}", headers)


def program_socket(token):
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return WebsocketCommunicator(application, "/ws/live", headers)


async def first_word(socket):
    """Return the type of the first frame, or the code that the server closed with."""
    assert (await socket.connect())[0]
    message = await socket.receive_output(timeout=5)
    return json.loads(message["text"])["type"] if "text" in message else message["code"]


async def code_of_end(socket):
    while True:
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            return message["code"]


async def test_a_page_of_ours_is_let_in_by_its_session(browser):
    socket = page_socket(browser)

    assert await first_word(socket) == "hello"
    await socket.disconnect()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"origin": "https://evil.example"}, 4403),
        ({"origin": "null"}, 4403),
        ({"org": "globex"}, 4404),
        ({"org": "nowhere"}, 4404),
    ],
)
async def test_a_session_is_refused_elsewhere(browser, cast, options, code):
    await sync_to_async(lambda: cast.globex)()

    assert await first_word(page_socket(browser, **options)) == code


async def test_logging_out_ends_the_sockets_of_the_session(browser):
    socket = page_socket(browser)
    await first_word(socket)

    await sync_to_async(browser.logout)()

    assert await code_of_end(socket) == 4401


async def test_a_new_password_ends_the_sockets_of_the_old_one(browser, cast):
    socket = page_socket(browser)
    await first_word(socket)

    cast.alice.set_password(PASSWORD + "!")
    await sync_to_async(cast.alice.save)()

    assert await code_of_end(socket) == 4401


async def test_losing_the_membership_ends_the_connection(browser, cast):
    socket = page_socket(browser)
    await first_word(socket)

    await sync_to_async(cast.alice.memberships.all().delete)()

    assert await code_of_end(socket) == 4404


async def test_a_failing_database_does_not_end_the_looking(cast):
    token = await sync_to_async(lambda: make_token(cast.acme))()
    socket = program_socket(token)
    assert await first_word(socket) == "hello"

    away = renamed("accounts_apitoken", "tokens_that_are_away")
    await sync_to_async(away.__enter__)()
    await asyncio.sleep(0.3)
    await sync_to_async(away.__exit__)(None, None, None)
    await sync_to_async(ApiToken.objects.all().delete)()

    assert await code_of_end(socket) == 4401
