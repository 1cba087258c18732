from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitoring.live import handover
from monitoring.models import LogPattern, LogPatternHour, LogStream
from monitoring.services import pattern_mining, patterns, queries
from monitoring.services.append import append_logs
from monitoring.services.patterns import PatternQuery
from monitoring.telemetry import Level, nanoseconds
from tests.factories.monitoring import log_batch, mixed_log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NOW_NS = nanoseconds(NOW)
MINUTE_NS = 60 * 10**9


@pytest.fixture(autouse=True)
def _fresh_process(redis_client):
    pattern_mining.forget_miners()


@pytest.fixture
def stored(cast):
    """Store lines as the pipeline does, and mine what that hands over."""

    def _stored(
        *lines, at=NOW, team=None, organization=None, level=Level.INFO, **labels
    ):
        organization = organization or cast.acme
        labels = labels or {"app": "shop"}
        batch = log_batch(
            [(nanoseconds(at), line) for line in lines], labels=labels, level=level
        )
        team_id = team.pk if team else None
        scope = cast.system(organization)
        append_logs(scope, batch, team_id=team_id, now=at)
        handover.offer(organization.pk, batch, team_id=team_id)
        return pattern_mining.mine(organization.pk, now=at)

    return _stored


def found(scope, **query):
    usual = {
        "matchers": (),
        "start_ns": NOW_NS - 60 * MINUTE_NS,
        "end_ns": NOW_NS + 60 * MINUTE_NS,
    }
    return patterns.find(scope, PatternQuery(**{**usual, **query}))


def templates(scope, **query):
    return {p.template: p.count for p in found(scope, **query).patterns}


def test_lines_of_one_kind_become_a_template(cast, stored):
    stored(
        "user 17 logged in from 10.0.0.1",
        "user 18 logged in from 10.0.0.2",
        "disk /var/lib/db is full",
    )

    assert templates(cast.system()) == {
        "user <_> logged in from <_>": 2,
        "disk <_> is full": 1,
    }


def test_counts_add_up_over_time_in_steps(cast, stored):
    stored("tick 1", "tick 2", at=NOW)
    stored("tick 3", at=NOW + timedelta(minutes=2))

    [tick] = found(
        cast.system(), start_ns=NOW_NS, end_ns=NOW_NS + 4 * MINUTE_NS
    ).patterns

    assert tick.counts == [2, 0, 1, 0]
    assert (tick.first_seen, tick.last_seen) == (NOW, NOW + timedelta(minutes=2))
    assert tick.share == 1


def test_a_template_grows_more_general_and_stays_the_same_row(cast, stored):
    stored("payment by visa was declined")
    before = LogPattern.unscoped.get().pk

    stored("payment by cash was declined")

    row = LogPattern.unscoped.get()
    assert (row.pk, row.template) == (before, "payment by <_> was declined")
    assert row.count == 2


def test_a_new_process_goes_on_with_the_templates_that_are_stored(cast, stored):
    stored("payment by visa was declined")
    stored("payment by cash was declined")
    pattern_mining.forget_miners()

    stored("payment by coin was declined")

    assert templates(cast.system()) == {"payment by <_> was declined": 3}


def test_what_was_mined_is_not_mined_again(cast, stored):
    stored("tick 1")

    assert pattern_mining.mine(cast.acme.pk, now=NOW) == 0
    assert templates(cast.system()) == {"tick <_>": 1}


def test_levels_have_their_templates_to_themselves(cast, stored):
    stored("tick 1", level=Level.INFO)
    stored("tick 2", level=Level.ERROR)

    assert [p.level for p in found(cast.system()).patterns] == [Level.INFO, Level.ERROR]
    assert templates(cast.system(), levels=frozenset({Level.ERROR})) == {"tick <_>": 1}


def test_streams_of_one_template_are_told_together(cast, stored):
    stored("tick 1", app="a")
    stored("tick 2", app="b")

    [tick] = found(cast.system()).patterns

    assert (tick.count, tick.streams) == (2, 2)


@pytest.fixture
def _known_stream(cast, stored):
    """A stream that has been there for a while, so that what is new is told."""
    stored("tick 1")
    LogStream.unscoped.update(created_at=NOW - timedelta(hours=1))
    pattern_mining.forget_miners()


@pytest.mark.usefixtures("_known_stream")
def test_a_new_pattern_of_a_known_stream_is_counted_as_a_series(cast, stored):
    def total():
        result = queries.instant(
            cast.system(),
            'vedette_log_new_patterns_total{app="shop",level="info"}',
            now=NOW + timedelta(minutes=2),
        )
        return result.values[:, 0].tolist()

    assert total() == [0]
    stored("tick 2", "never seen before", at=NOW + timedelta(minutes=1))
    assert total() == [1]


@pytest.mark.usefixtures("_known_stream")
def test_a_new_pattern_of_a_known_stream_is_told_live(
    cast, stored, monkeypatch, django_capture_on_commit_callbacks
):
    from monitoring import live

    told = []
    monkeypatch.setattr(
        live,
        "publish_many",
        lambda _, topic, events, team_id: told.append((topic, events)),
    )

    with django_capture_on_commit_callbacks(execute=True):
        stored("tick 2", "never seen before", at=NOW + timedelta(minutes=1))

    [(topic, [event])] = told
    assert topic == "patterns"
    assert event["template"] == "never seen before"
    assert event["labels"] == {"app": "shop"}


def test_all_that_a_new_stream_says_is_not_told(cast, stored):
    stored("tick 1")

    result = queries.instant(cast.system(), "vedette_log_new_patterns_total", now=NOW)

    assert result.values[:, 0].tolist() == [0]


def test_templates_of_a_stream_are_bounded(cast, stored, monkeypatch):
    from monitoring.analytics import templates as mining

    monkeypatch.setattr(mining, "MAX_TEMPLATES", 3)
    pattern_mining.forget_miners()
    words = ["alpha", "beta one", "gamma one two", "delta one two three", "eps a b c d"]
    for word in words:
        stored(word)

    assert sorted(templates(cast.system())) == sorted(words[-3:])


def test_a_team_keeps_its_patterns(cast, stored):
    stored("secret 1", team=cast.payments, app="pay")
    stored("common 1", app="shop")

    assert templates(cast.scope(cast.carol)) == {"common <_>": 1}
    assert templates(cast.scope(cast.bob)) == {"common <_>": 1, "secret <_>": 1}
    assert [p["template"] for p in patterns.newest(cast.scope(cast.carol))] == [
        "common <_>"
    ]
    assert templates(cast.system(cast.globex)) == {}


def test_a_sample_stands_for_all_lines_of_its_batch(cast, monkeypatch):
    monkeypatch.setattr(handover, "MAX_LINES", 100)
    lines = [(NOW_NS, f"tick {n}", Level.INFO, 0) for n in range(1000)]
    lines[500] = (NOW_NS, "boom", Level.ERROR, 0)
    lines[700] = (NOW_NS, "rare", Level.INFO, 1)
    batch = mixed_log_batch(lines, streams=[{"app": "a"}, {"app": "b"}])
    append_logs(cast.system(), batch, team_id=None, now=NOW)
    handover.offer(cast.acme.pk, batch, team_id=None)

    pattern_mining.mine(cast.acme.pk, now=NOW)

    assert templates(cast.system()) == {"tick <_>": 998, "boom": 1, "rare": 1}


def test_what_is_older_than_retention_is_forgotten(cast, stored):
    stored("tick 1")

    kept = patterns.forget(NOW + timedelta(days=1))
    gone = patterns.forget(NOW + timedelta(days=5000))

    assert (kept, gone) == (0, 1)
    assert not LogPatternHour.objects.exists()


def test_patterns_of_deleted_streams_are_forgotten(cast, stored):
    stored("tick 1")
    LogStream.unscoped.all().delete()

    assert patterns.forget(NOW) == 1


def test_beat_lets_mine_where_something_waits(cast):
    from monitoring import periodic

    handover.offer(cast.acme.pk, log_batch([(NOW_NS, "tick")]), team_id=None)
    due = [c.args for c in periodic.due(NOW) if c.path.endswith("mine_patterns")]

    assert due == [(cast.acme.pk,)]


def test_a_deleted_organizations_lines_wait_no_longer(cast):
    handover.offer(12345, log_batch([(NOW_NS, "tick")]), team_id=None)

    assert pattern_mining.mine_all_waiting(12345, now=NOW, rounds=2) == 0
    assert handover.organizations() == []


def test_weights_of_a_small_batch_are_one(redis_client, cast):
    handover.offer(cast.acme.pk, log_batch([(1, "a"), (2, "b")]), team_id=None)

    [offer] = handover.offers_after(cast.acme.pk, "", most=5)

    assert np.array_equal(offer.batch.table.column("weight").to_numpy(), [1, 1])
