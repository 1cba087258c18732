from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from sources.models import InboxBatch
from sources.periodic import due
from sources.services.claims import MAX_BATCHES, anything_waits
from sources.services.inbox import deposit
from sources.services.nudges import answer_nudges, nudge, promise_to_look
from sources.services.pipeline import drain
from sources.tasks import drain_inbox
from tests.factories.sources import NOW, SourceFactory, arrival, log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

QUEUE = "django_q:ingest:q"
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def redis(redis_client):
    return redis_client


def asked(redis) -> int:
    """How many drains wait in the workers' queue."""
    return redis.llen(QUEUE)


def test_a_deposit_asks_for_a_drain_when_it_is_committed(cast, redis):
    with transaction.atomic():
        deposit([arrival(cast.acme, log_batch("a"))])
        before = asked(redis)

    assert (before, asked(redis)) == (0, 1)


def test_a_deposit_that_is_rolled_back_asks_for_nothing(cast, redis):
    with transaction.atomic():
        deposit([arrival(cast.acme, log_batch("a"))])
        transaction.set_rollback(True)

    assert asked(redis) == 0


def test_many_deposits_ask_once(cast, redis):
    for _ in range(10):
        deposit([arrival(cast.acme, log_batch("a"))])

    assert asked(redis) == 1


def test_a_deposit_after_a_drain_has_begun_asks_for_another(cast, redis):
    """Or else it would wait: the drain may have looked already."""
    nudge()
    answer_nudges()

    nudge()

    assert asked(redis) == 2


def test_a_deposit_asks_for_nothing_while_a_drain_has_promised_to_look(cast, redis):
    promise_to_look("a drain")

    deposit([arrival(cast.acme, log_batch("a"))])

    assert asked(redis) == 0


def test_another_drain_does_not_take_the_promise_away(redis):
    promise_to_look("a drain")
    answer_nudges("another one")

    nudge()

    assert asked(redis) == 0


def test_what_a_drain_has_not_the_budget_for_asks_for_a_second_worker(cast, redis):
    deposit([arrival(cast.acme, log_batch("a"))] * (MAX_BATCHES + 1))
    redis.flushdb()

    drain_inbox()

    assert (InboxBatch.objects.count(), asked(redis)) == (0, 1)


def test_however_much_waits_a_drain_asks_for_one_worker_more(cast, redis):
    deposit([arrival(cast.acme, log_batch("a"))] * (2 * MAX_BATCHES + 1))
    redis.flushdb()

    drain_inbox()

    assert (InboxBatch.objects.count(), asked(redis)) == (0, 1)


def test_a_drain_goes_on_until_nothing_is_left(cast, redis):
    for i in range(3):
        deposit([arrival(cast.acme, log_batch(f"line {i}"))])

    drain_inbox()

    assert not InboxBatch.objects.exists()
    nudge()
    assert asked(redis) == 2


# --- What a lost nudge left --------------------------------------------------------------


def calls(now=NOW) -> list[str]:
    return [call.path for call in due(now.replace(second=1))]


def test_beat_asks_for_a_drain_while_something_waits(cast, redis):
    assert "sources.tasks.drain_inbox" not in calls()

    deposit([arrival(cast.acme, log_batch("a"))])
    redis.flushdb()

    assert "sources.tasks.drain_inbox" in calls()


def test_beat_asks_for_no_second_drain_for_what_came_a_moment_ago(cast):
    """The drain that its deposit has asked for is under way."""
    deposit([arrival(cast.acme, log_batch("a"), at=NOW.replace(microsecond=1))])

    assert "sources.tasks.drain_inbox" not in calls()


@pytest.mark.parametrize(
    ("waited", "given", "waits"),
    [
        pytest.param(0, {}, True, id="fresh"),
        pytest.param(0, {"overdue_by": SECOND}, False, id="fresh_not_overdue"),
        pytest.param(0.999, {"overdue_by": SECOND}, False, id="not_quite_overdue"),
        pytest.param(1, {"overdue_by": SECOND}, True, id="overdue"),
    ],
)
def test_what_has_waited_for_long_enough_is_overdue(cast, waited, given, waits):
    deposit([arrival(cast.acme, log_batch("a"), at=NOW - waited * SECOND)])

    assert anything_waits(NOW, **given) is waits


@pytest.mark.parametrize(
    ("until", "waits"), [pytest.param(1, False, id="put_off"), (0, True), (-1, True)]
)
def test_what_failed_waits_from_when_its_turn_comes(cast, until, waits):
    deposit([arrival(cast.acme, log_batch("a"))])
    InboxBatch.objects.update(attempts=1, not_before=NOW + until * SECOND)

    assert anything_waits(NOW) is waits
    assert anything_waits(NOW, overdue_by=SECOND) is waits


def test_an_empty_inbox_waits_for_nothing(db):
    assert not anything_waits(NOW)
    assert not anything_waits(NOW, overdue_by=SECOND)


def test_beat_does_not_ask_while_all_that_waits_is_put_off(cast):
    deposit([arrival(cast.acme, log_batch("a"))])
    InboxBatch.objects.update(attempts=1, not_before=NOW.replace(second=30))

    assert "sources.tasks.drain_inbox" not in calls()


def test_beat_shows_sources_that_something_has_come_from(cast):
    source = SourceFactory(organization=cast.acme)
    assert "sources.tasks.publish_states" not in calls()

    deposit([arrival(cast.acme, log_batch("a"), source=source, at=NOW)])
    drain(NOW)

    assert "sources.tasks.publish_states" in calls()
