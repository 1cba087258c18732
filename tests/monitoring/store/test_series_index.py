from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.scope import Scope
from monitoring.labels import Matcher, MatchOp, make_labels, matches_all
from monitoring.models import Metric, Series
from monitoring.services import metadata
from monitoring.services.append import append_samples
from monitoring.services.selection import matching_series
from monitoring.store import known_series
from monitoring.store.series_index import SeriesIndex
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import sample_batch, system_scope

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)

WORDS = ["", "a", "b", "ab", "api-1", "api-2", "é", "x\ny"]
SETS = st.lists(
    st.dictionaries(st.sampled_from(["job", "host", "zone"]), st.sampled_from(WORDS)),
    max_size=30,
)
MATCHERS = st.lists(
    st.builds(
        Matcher,
        st.sampled_from(["__name__", "job", "host", "zone", "absent"]),
        st.sampled_from(MatchOp),
        st.sampled_from(
            ["", "a", "b|ab", "api-.*", "api-.+", ".*", ".+", "a.?", "[^a]"]
        ),
    ),
    max_size=3,
)


def rows(sets, start):
    """Return what the registry's table holds of the label sets."""
    return [
        (start + n, n % 2, n % 3 or None, f"m{n % 2}", orjson.dumps(dict(s)).decode())
        for n, s in enumerate(map(make_labels, sets))
    ]


@pytest.mark.unit
@given(SETS, SETS, MATCHERS, st.sampled_from([None, frozenset(), frozenset({2})]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_the_index_selects_as_one_by_one(first, second, matchers, teams):
    index = SeriesIndex().extended(rows(first, 1)).extended(rows(second, 100))
    known = [
        (dict(make_labels(labels)) | {"__name__": f"m{n % 2}"}, n % 3 or None)
        for part in (first, second)
        for n, labels in enumerate(part)
    ]

    found = index.labels(index.matching(matchers, teams))

    assert found == [
        make_labels(labels)
        for labels, team in known
        if matches_all(matchers, labels)
        and (teams is None or team is None or team in teams)
    ]


@pytest.mark.unit
def test_many_values_are_searched_by_arrow_with_the_same_answer():
    sets = [{"pod": f"pod-{n}\n"} for n in range(200)]
    index = SeriesIndex().extended(rows(sets, 1))
    matcher = Matcher("pod", MatchOp.REGEX, "pod-1.[3-5].")

    found = [dict(s)["pod"] for s in index.labels(index.matching([matcher], None))]

    assert found == [s["pod"] for s in sets if matcher.matches(s["pod"])]
    assert len(found) == 30


@pytest.fixture
def scope():
    known_series.forget()
    yield system_scope(OrganizationFactory())
    known_series.forget()


def append(scope, *names, team_id=None):
    batch = sample_batch([({"__name__": n, "job": "x"}, NOW_MS, 1.0) for n in names])
    append_samples(scope, batch, team_id=team_id, now=NOW)


def names(scope, *matchers):
    return [dict(s)["__name__"] for s in matching_series(scope, matchers).labels()]


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
class TestKept:
    def test_a_series_is_found_as_soon_as_it_is_committed(self, scope):
        seen = []
        for name in ("one", "two"):
            with transaction.atomic():
                append(scope, name)
            seen.append(names(scope))

        assert seen == [["one"], ["one", "two"]]

    def test_what_is_rolled_back_was_never_there(self, scope):
        with transaction.atomic():
            append(scope, "lost")
            within = names(scope)
            transaction.set_rollback(True)

        assert (within, names(scope)) == (["lost"], [])

    @pytest.mark.parametrize(
        "delete",
        [
            lambda: Series.unscoped.filter(metric__name="one").delete(),
            lambda: Metric.unscoped.filter(name="one").delete(),
        ],
        ids=["series", "metric"],
    )
    def test_a_deleted_series_is_gone_at_once(self, scope, delete):
        append(scope, "one", "two")
        before = names(scope)
        delete()

        assert (before, names(scope)) == (["one", "two"], ["two"])
        assert metadata.label_values(scope, "__name__") == ["two"]

    def test_teams_see_their_own(self, scope, cast):
        mine = cast.system()
        append(mine, "everyones")
        append(mine, "theirs", team_id=cast.payments.pk)
        stranger = Scope(mine.organization_id, mine.organization_slug, mine.actor)

        assert names(mine) == ["everyones", "theirs"]
        assert names(stranger) == ["everyones"]
        assert metadata.label_values(stranger, "__name__") == ["everyones"]
