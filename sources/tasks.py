from __future__ import annotations

import logging
import time
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from sources.services import health, housekeeping, live_state, pushed
from sources.services.claims import anything_waits
from sources.services.heartbeats import figures, lateness
from sources.services.inbox import BacklogFullError
from sources.services.nudges import answer_nudges, nudge, promise_to_look
from sources.services.pipeline import DrainOutcome, drain

logger = logging.getLogger(__name__)

# After this long another task goes on, so that a worker can be stopped in between.
_SECONDS = 20
# What comes in bit by bit is drained in drops, each for the price of a transaction: so
# a drain is followed by a pause, by so much longer than itself and this long at most.
_PAUSE, _LONGEST_PAUSE = 2.0, 0.2


def drain_inbox() -> None:
    """Drain until nothing is left; another worker joins where one is not enough."""
    drain_id, deadline = uuid4().hex, time.monotonic() + _SECONDS
    promised = has_help = False
    answer_nudges()
    while time.monotonic() < deadline:
        began = time.monotonic()
        outcome = _drain_once()
        if outcome.left_more:
            if not has_help:
                has_help, promised = True, False
                answer_nudges(drain_id)
                nudge()
        elif not outcome.found_nothing:
            promised = True
            promise_to_look(drain_id)
            _let_more_come(time.monotonic() - began)
        elif promised:  # What was deposited since the look has asked for nothing.
            promised = False
            answer_nudges(drain_id)
        else:
            return
    answer_nudges(drain_id)
    if anything_waits(timezone.now()):
        nudge()


def _let_more_come(drained_for: float) -> None:
    time.sleep(min(_PAUSE * drained_for, _LONGEST_PAUSE))


def _drain_once() -> DrainOutcome:
    """A database that is away ends the task: beat's sweep starts the next one."""
    try:
        return drain(timezone.now())
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Draining stopped, to be tried again: %s", error)
        close_old_connections()
        return DrainOutcome()


def publish_states() -> None:
    live_state.publish_states(timezone.now())


def publish_health() -> None:
    health.publish_health(timezone.now())


def mark_late_heartbeats() -> None:
    lateness.mark_late(timezone.now())


def deposit_heartbeats() -> None:
    """What does not fit into the inbox now is said again in a minute."""
    try:
        figures.deposit_all(timezone.now())
    except BacklogFullError as error:
        logger.warning("Heartbeats' metrics were left out: %s", error)


def delete_old_records() -> None:
    housekeeping.delete_old_records(timezone.now())


def deposit_pushed_groups() -> None:
    pushed.deposit_all(timezone.now())
