from __future__ import annotations

import logging

import pytest

from config.repetition import MOST_IN_WINDOW, WINDOW_SECONDS, LimitRepetition

pytestmark = pytest.mark.unit


def record(message="Batch %s failed", *arguments, at=0.0) -> logging.LogRecord:
    made = logging.LogRecord(
        "sources", logging.WARNING, "", 0, message, arguments, None
    )
    made.created = at
    return made


def test_a_message_passes_a_few_times_a_minute():
    limit = LimitRepetition()

    passed = [limit.filter(record("Batch %s failed", n)) for n in range(50)]

    assert sum(passed) == MOST_IN_WINDOW


def test_another_message_is_not_held_back():
    limit = LimitRepetition()
    for _ in range(50):
        limit.filter(record())

    assert limit.filter(record("The disk is full"))


def test_the_next_minute_tells_how_many_were_held_back():
    limit = LimitRepetition()
    for _ in range(50):
        limit.filter(record())
    later = record("Batch %s failed", 51, at=WINDOW_SECONDS)

    assert limit.filter(later)
    assert later.getMessage() == "Batch 51 failed (and 40 more like it before)"


def test_it_remembers_a_bounded_number_of_messages():
    limit = LimitRepetition()

    for number in range(5000):
        limit.filter(record(f"message {number}"))

    assert len(limit._windows) <= 1000
