"""Rocket.Chat's log and activity, against a server that speaks its DDP."""

from __future__ import annotations

import pytest

from sources.connectors.streams.rocketchat import RocketChatStream
from sources.connectors.streams.trying import try_out
from sources.services.kinds.rocketchat import KIND
from tests.sources.connectors.streams.ddp_server import TOKEN, USER, DdpServer
from tests.sources.connectors.streams.following import filled

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def chat():
    server = DdpServer()
    yield server
    server.close()


def settings_of(chat, **config):
    given = {"url": chat.url, "user_id": USER, "token": TOKEN, "activity": False}
    return {**given, **config}


def test_the_queue_comes_first_and_then_what_is_written_live(follow, chat):
    chat.log('{"level":35,"msg":"SERVER RUNNING"}', 1_000)
    stream = follow(KIND, **settings_of(chat))
    stream.until_lines(1)

    chat.log("\x1b[34mI20260301-12:00:00.000(0) live\x1b[39m\n", 1772366340_500)

    stream.until_lines(2)
    assert stream.lines == [
        '{"level":35,"msg":"SERVER RUNNING"}',
        "I20260301-12:00:00.000(0) live",
    ]
    assert stream.rows[1]["ts_ns"] == 1772366340_500_000_000
    assert [told["msg"] for told in chat.heard] == ["connect", "pong", "method", "sub"]
    assert chat.heard[1]["id"] == "p1"
    assert chat.heard[2]["params"] == [{"resume": TOKEN}]
    assert chat.heard[3]["params"] == ["stdout", False]


def test_nothing_is_lost_or_doubled_when_connections_are_cut(follow, chat):
    stream = follow(KIND, **settings_of(chat))
    for round_ in range(3):
        stream.until(lambda: chat.has_subscriber)
        for number in range(5):
            chat.log(f"round {round_} live {number}", 1_000 * round_ + number)
        chat.kill()
        # Several entries of one millisecond, while nobody listens.
        for number in range(5):
            chat.log(f"round {round_} unheard {number}", 1_000 * round_ + 500)

    stream.until_lines(30)

    assert stream.lines == [entry["string"] for entry in chat.queue]


def test_nothing_is_lost_or_doubled_by_a_restart(follow, chat):
    chat.log("first", 1_000)
    chat.log("second of the same millisecond", 1_000)
    stream = follow(KIND, **settings_of(chat))
    stream.until_lines(2)

    stream.connector.close()
    chat.log("third of the same millisecond", 1_000)
    stream.start()

    stream.until_lines(3)
    assert stream.lines == [entry["string"] for entry in chat.queue]


def test_what_comes_live_before_the_queue_is_known_stays_behind_it(follow, chat):
    chat.log("before", 1_000)
    chat.meanwhile = ["meanwhile"]
    stream = follow(KIND, **settings_of(chat))

    stream.until_lines(2)

    assert stream.lines == ["before", "meanwhile"]


def test_a_user_without_the_permission_is_told_in_words(follow, chat):
    chat.permissions = set()
    stream = follow(KIND, **settings_of(chat))

    stream.until(lambda: bool(stream.connector.problem))

    assert stream.connector.problem.startswith(
        "Rocket.Chat does not let this user read the log (Not allowed): give the user "
        "a role with the permission view-logs. From version 8 on"
    )


def test_a_token_that_is_not_good_is_told_in_words(follow, chat):
    stream = follow(KIND, **settings_of(chat, token="wrong"))

    stream.until(lambda: bool(stream.connector.problem))

    assert "refuses the token: You've been logged out" in stream.connector.problem


def test_messages_and_users_become_metrics(follow, chat):
    stream = follow(KIND, **settings_of(chat, activity=True, statistics_seconds=0.05))
    stream.until(lambda: len(chat.heard) >= 6)
    chat.emit("stream-room-messages", "__my_messages__", {"_id": "m", "msg": "hello"})
    chat.emit("stream-notify-logged", "user-status", ["u", "ada", 2, "lunch"])

    stream.until(
        lambda: stream.samples.get("rocketchat_user_status_changes_total{status=away}")
    )

    assert {n: v for n, v in stream.samples.items() if v} == {
        "rocketchat_info{version=7.10.0}": 1,
        "rocketchat_messages_heard_total{}": 1,
        "rocketchat_messages_total{}": 4321,
        "rocketchat_rooms_total{}": 9,
        "rocketchat_user_status_changes_total{status=away}": 1,
        "rocketchat_users_total{}": 12,
        "rocketchat_users{status=away}": 1,
        "rocketchat_users{status=offline}": 11,
        "rocketchat_users{status=online}": 2,
    }


def test_without_statistics_there_is_still_who_is_there(follow, chat):
    chat.permissions = {"view-logs"}
    stream = follow(KIND, **settings_of(chat, activity=True))

    stream.until(lambda: bool(stream.samples) and bool(stream.connector.problem))

    assert stream.samples["rocketchat_users{status=online}"] == 2
    assert "does not give statistics" in stream.connector.problem


def test_trying_it_out_shows_the_queue(chat):
    chat.log("an entry", 1_000)

    tried = try_out(RocketChatStream, "rocketchat", filled(KIND, settings_of(chat)), 1)

    assert tried.connected
    assert [record.line for record in tried.records] == ["an entry"]
