"""Topics of a real broker, Debian's mosquitto."""

from __future__ import annotations

import pytest

from monitoring.telemetry import Level
from sources.connectors import Outcome
from sources.connectors.streams.mqtt import MqttStream
from sources.connectors.streams.trying import try_out
from sources.services.kinds.mqtt import KIND
from tests.sources.connectors.streams.broker import MOSQUITTO
from tests.sources.connectors.streams.following import filled

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
]


def connected(stream):
    stream.until(lambda: stream.connector._feed.status.connected_since is not None)
    return stream


def test_messages_become_lines_with_parts_of_their_topics_as_labels(follow, broker):
    stream = connected(
        follow(
            KIND,
            url=broker.url,
            topics=["plant/#"],
            topic_pattern="plant/{line}/+/{machine}",
            line_path="$.msg",
            level_path="$.level",
        )
    )

    broker.publish("plant/north/x/press", '{"msg": "jammed", "level": "error"}')
    broker.publish("plant/other", "no JSON at all")

    stream.until_lines(2)
    first, second = stream.rows
    assert (first["line"], first["level"]) == ("jammed", Level.ERROR)
    assert first["labels"] == {
        "env": "t",
        "line": "north",
        "machine": "press",
        "source": "shop",
    }
    assert first["field.topic"] == "plant/north/x/press"
    assert (second["line"], second["labels"]["topic"]) == (
        "no JSON at all",
        "plant/other",
    )


def test_numbers_become_samples(follow, broker):
    stream = connected(
        follow(
            KIND,
            url=broker.url,
            topics=["home/#"],
            topic_pattern="home/{room}/{sensor}",
            metrics=[
                {"name": "home_{{sensor}}", "topic": "home/+/temperature"},
                {
                    "name": "power_watts",
                    "topic": "home/+/plug",
                    "value": "$.power.now",
                    "labels": {"phase": "$.phase"},
                },
            ],
        )
    )

    broker.publish("home/kitchen/temperature", "21.5")
    broker.publish("home/kitchen/plug", '{"power": {"now": 40}, "phase": "L1"}')
    broker.publish("home/kitchen/plug", '{"state": "offline"}')

    stream.until_lines(1)
    stream.until(lambda: len(stream.samples) == 2)
    assert stream.samples == {
        "home_temperature{room=kitchen,sensor=temperature}": 21.5,
        "power_watts{phase=L1,room=kitchen,sensor=plug}": 40,
    }
    assert stream.lines == ['{"state": "offline"}']


@pytest.mark.parametrize("qos", ["1", "2"])
def test_what_was_not_stored_comes_again_after_a_restart(follow, broker, qos):
    stream = connected(follow(KIND, url=broker.url, topics=["t"], qos=qos))
    broker.publish("t", "one", qos=int(qos))
    stream.until_lines(1)

    # It is read, but nothing can be stored, and then the process ends.
    broker.publish("t", "two", qos=int(qos))
    while stream.connector.poll(stream.now) is None:
        stream._woken.wait(1)
    stream.connector.settle(Outcome.REFUSED, stream.now)
    stream.connector.close()
    broker.publish("t", "three", qos=int(qos))
    stream.start()

    stream.until_lines(3)
    assert stream.lines == ["one", "two", "three"]


def test_nothing_is_lost_when_the_broker_restarts(follow, broker):
    stream = connected(follow(KIND, url=broker.url, topics=["t"]))
    broker.publish("t", "one", "two")
    stream.until_lines(2)

    broker.stop()
    stream.until(lambda: bool(stream.connector.problem))
    broker.start()
    broker.publish("t", "three")

    assert stream.until_lines(3) == ["one", "two", "three"]
    assert stream.shown.last_error.startswith("The broker ended the connection")


def test_what_is_retained_is_taken_once(follow, broker):
    broker.publish("t", "state", retain=True)
    stream = connected(follow(KIND, url=broker.url, topics=["t"]))
    stream.until_lines(1)

    broker.stop()
    broker.start()
    stream.until(lambda: stream.connector._feed.status.connects == 2)
    broker.publish("t", "more")

    assert stream.until_lines(2) == ["state", "more"]


def test_topics_that_were_taken_away_are_heard_no_more(follow, broker):
    stream = connected(follow(KIND, url=broker.url, topics=["old", "kept"]))
    broker.publish("kept", "one")
    stream.until_lines(1)

    stream.connector.close()
    stream.config["topics"] = ["kept"]
    stream.start()
    connected(stream)
    broker.publish("old", "not wanted")
    broker.publish("kept", "two")

    assert stream.until_lines(2) == ["one", "two"]


def test_a_broker_that_refuses_the_user_is_told(follow, broker):
    broker.stop()
    broker.start(anonymous=False)
    stream = follow(KIND, url=broker.url, topics=["t"], username="u", password="p")

    stream.until(lambda: bool(stream.connector.problem))

    assert stream.connector.problem == (
        "The broker refuses the connection: Not authorized. It is tried again."
    )


def test_a_broker_that_is_away_or_private_is_told(follow, broker, settings):
    broker.stop()
    away = follow(KIND, url=broker.url, topics=["t"])
    away.until(lambda: "connection refused" in away.connector.problem)
    settings.SOURCE_ALLOWED_NETWORKS = []

    private = follow(KIND, url=broker.url, topics=["t"])

    private.until(lambda: "is not a public address" in private.connector.problem)


def test_trying_it_out_leaves_no_session_behind(follow, broker):
    broker.publish("t", "state", retain=True)

    tried = try_out(
        MqttStream, "mqtt", filled(KIND, {"url": broker.url, "topics": ["t"]}), 1
    )

    assert tried.connected
    assert [record.line for record in tried.records] == ["state"]
