"""Which bodies are read in the event loop, and who is sent to the threads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.scope import Scope
from sources.ingest.bodies import unpacked_size
from sources.ingest.door import Door, Push, Taken
from sources.ingest.quickness import MOST_PACKED, MOST_UNPACKED, Quickness
from sources.ingest.refusals import Answer
from sources.ingest.requests import PushRequest
from sources.ingest.senders import Sender
from sources.services.bindings import Binding

pytestmark = pytest.mark.unit


def door(*, quick: bool = True) -> Door:
    return Door("/push", lambda _push: Taken(Answer(204)), quick=quick)


def push(body: bytes = b"x", *, organization: int = 1) -> Push:
    return Push(
        PushRequest("POST", "/push", {}),
        Sender(Scope.of_system(organization, "acme"), None, timedelta(days=1)),
        Binding(None, None, 0, {}),
        body,
        datetime(2026, 1, 1, tzinfo=UTC),
    )


class Clocks:
    """A wall clock and a processor's, moved by hand."""

    def __init__(self) -> None:
        self.now = self.worked = 0.0

    def quickness(self) -> Quickness:
        return Quickness(clock=lambda: self.now, work=lambda: self.worked)


@pytest.mark.parametrize(
    ("quick", "packed", "unpacked", "expected"),
    [
        pytest.param(True, 10, 100, True, id="a_small_body"),
        pytest.param(False, 10, 100, False, id="a_door_that_asks_the_database"),
        pytest.param(True, MOST_PACKED + 1, 100, False, id="a_large_body"),
        pytest.param(True, 10, MOST_UNPACKED + 1, False, id="a_bomb"),
        pytest.param(True, 10, None, False, id="a_body_of_unknown_size"),
    ],
)
def test_only_small_bodies_of_quick_doors_are_read_at_once(
    quick, packed, unpacked, expected
):
    body = push(b"x" * packed)

    assert Quickness().expects(door(quick=quick), body, unpacked) is expected


def test_a_push_to_a_source_goes_to_a_thread():
    to_source = replace(push(), binding=Binding(7, None, 0, {}))

    assert not Quickness().expects(door(), to_source, 1)


def test_who_was_slow_goes_to_the_threads_for_a_while():
    clocks = Clocks()
    quickness = clocks.quickness()

    with quickness.watching(push()):
        clocks.worked += 0.05

    assert not quickness.expects(door(), push(), 1)
    assert quickness.expects(door(), push(organization=2), 1)
    clocks.now += 11
    assert quickness.expects(door(), push(), 1)


def test_waiting_for_others_makes_nobody_slow():
    clocks = Clocks()
    quickness = clocks.quickness()

    with quickness.watching(push()):
        clocks.now += 1

    assert quickness.expects(door(), push(), 1)


@pytest.mark.parametrize(
    ("body", "encoding", "size"),
    [
        (b"abc", "identity", 3),
        (b"\x80\x01rest", "snappy", 128),
        (b"\x80", "snappy", None),
        (b"abc", "gzip", None),
    ],
)
def test_a_body_says_how_large_it_is(body, encoding, size):
    assert unpacked_size(body, encoding) == size
