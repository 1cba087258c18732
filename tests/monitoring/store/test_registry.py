from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from monitoring.models import Series
from monitoring.store import registry
from monitoring.store.known import GENERATION, KnownIds
from monitoring.store.owner import Owner, lock
from monitoring.store.registry import LimitExceededError
from tests.factories.accounts import OrganizationFactory

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def series(count):
    return [(("__name__", f"m{n % 7}"), ("n", str(n))) for n in range(count)]


def resolve(owner, wanted):
    return registry.resolve_series(owner, wanted, limit=lambda: 10_000, now=NOW)


@pytest.fixture(autouse=True)
def fresh_cache():
    registry.forget()
    yield
    registry.forget()


class UndoneError(Exception):
    pass


@pytest.mark.django_db(transaction=True)
def test_an_id_of_a_rolled_back_transaction_is_not_remembered():
    owner = Owner(OrganizationFactory().pk, None)

    with contextlib.suppress(UndoneError), transaction.atomic():
        (undone,) = resolve(owner, series(1))
        raise UndoneError
    with transaction.atomic():
        (found,) = resolve(owner, series(1))

    assert found != undone
    assert Series.unscoped.filter(pk=found[0]).exists()


@pytest.mark.django_db(transaction=True)
def test_a_committed_id_is_known_without_a_query(django_assert_num_queries):
    owner = Owner(OrganizationFactory().pk, None)
    with transaction.atomic():
        first = resolve(owner, series(3))

    # Not even a query that Django does not count: there is no connection.
    connection.close()
    again = resolve(owner, series(3))

    assert again == first
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_drains_that_meet_the_same_new_series_agree():
    owner = Owner(OrganizationFactory().pk, None)
    wanted = series(60)

    def drain(turn):
        # Every worker meets them in another order, in several steps.
        order = wanted[turn * 7 :] + wanted[: turn * 7]
        try:
            with transaction.atomic():
                return {
                    labels: ids
                    for part in (order[:30], order[30:])
                    for labels, ids in zip(part, resolve(owner, part), strict=True)
                }
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(drain, range(8)))

    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert Series.unscoped.filter(organization_id=owner.organization_id).count() == 60


@pytest.mark.django_db(transaction=True)
def test_more_than_may_be_at_all_is_refused_without_waiting_for_others(monkeypatch):
    monkeypatch.setattr(registry, "MANY_NEW", 2)
    owner = Owner(OrganizationFactory().pk, None)

    def ask():
        try:
            with transaction.atomic():
                registry.resolve_series(owner, series(3), limit=lambda: 2, now=NOW)
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        lock(owner)
        refused = pool.submit(ask)

        with pytest.raises(LimitExceededError, match=r"3 new series .* limit of 2"):
            refused.result(timeout=20)


@pytest.mark.django_db
def test_a_used_series_is_not_deleted_as_unused():
    owner = Owner(OrganizationFactory().pk, None)
    resolve(owner, series(2))

    deleted = [
        registry.delete_unused_series(owner.organization_id, before)
        for before in (NOW, NOW + timedelta(seconds=1))
    ]

    assert deleted == [0, 2]


@pytest.mark.django_db(transaction=True)
class TestKnownIds:
    def test_an_entry_is_forgotten_in_time_however_often_it_is_used(self):
        known = KnownIds[int]()
        known.put_on_commit({"a": 1}, NOW)

        seen = [known.get("a", NOW + GENERATION * n / 2) for n in range(5)]

        assert seen == [1, 1, 1, 1, None]

    def test_the_number_of_entries_is_bounded(self, monkeypatch):
        monkeypatch.setattr("monitoring.store.known.MAX_ENTRIES", 10)
        known = KnownIds[int]()

        for n in range(100):
            known.put_on_commit({n: n}, NOW)

        alive = [n for n in range(100) if known.get(n, NOW) is not None]
        assert 10 <= len(alive) <= 20
        assert alive[-1] == 99
