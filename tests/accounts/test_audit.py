from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import AuditEntry
from accounts.services.audit import GENESIS, differences, first_break, record

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def write(cast, count=3, organization=None):
    scope = cast.system(organization)
    return [
        record(
            scope, "team.update", cast.payments, before={"n": n}, after={"n": n + 1.5}
        )
        for n in range(count)
    ]


def test_each_entry_seals_the_one_before_it(cast):
    first, second, third = write(cast)

    assert [e.previous_hash for e in (first, second, third)] == [
        GENESIS,
        first.hash,
        second.hash,
    ]


def test_an_untouched_chain_is_intact(cast):
    write(cast)

    assert first_break(cast.acme.pk) is None


@pytest.mark.parametrize(
    "forgery", [{"actor_name": "mallory"}, {"after": {"n": 99}}, {"ip": "192.0.2.1"}]
)
def test_a_changed_entry_is_found(cast, forgery):
    _, forged, _ = write(cast)

    AuditEntry.unscoped.filter(pk=forged.pk).update(**forgery)

    assert first_break(cast.acme.pk) == forged


def test_a_removed_entry_is_found(cast):
    _, removed, third = write(cast)

    removed.delete()

    assert first_break(cast.acme.pk) == third


def test_each_organization_has_a_chain_of_its_own(cast):
    write(cast, organization=cast.acme)

    entry = write(cast, 1, organization=cast.globex)[0]

    assert (entry.sequence, entry.previous_hash) == (1, GENESIS)


@pytest.mark.django_db(transaction=True)
def test_an_entry_wants_the_transaction_of_its_change(cast):
    team = cast.payments

    with pytest.raises(transaction.TransactionManagementError):
        record(cast.system(), "team.update", team)


@pytest.mark.django_db(transaction=True)
def test_an_entry_goes_with_a_change_that_is_rolled_back(cast):
    team, scope = cast.payments, cast.system()

    def change_that_fails():
        with transaction.atomic():
            record(scope, "team.update", team)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_that_fails()

    assert not AuditEntry.unscoped.exists()


def test_only_what_differs_is_told_of_a_change():
    old, new = differences({"a": 1, "b": 2, "gone": 3}, {"a": 1, "b": 5, "new": 4})

    assert old == {"b": 2, "gone": 3, "new": None}
    assert new == {"b": 5, "gone": None, "new": 4}
