from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from sources.models import Source, SourceState
from sources.services.leases import LEASE, Holder, hold, release
from tests.factories.accounts import OrganizationFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINE = Holder.of_this_process()
OTHERS = replace(MINE, host="elsewhere")


@pytest.fixture
def source():
    return Source.unscoped.create(
        organization=OrganizationFactory(), kind=Source.Kind.FILE, name="app"
    )


def test_a_free_source_is_taken(source):
    assert hold([source.pk], MINE, now=NOW) == {source.pk}


def test_a_held_source_is_left_alone(source):
    hold([source.pk], OTHERS, now=NOW)

    assert hold([source.pk], MINE, now=NOW + LEASE / 2) == set()


def test_an_expired_lease_is_taken_over(source):
    hold([source.pk], OTHERS, now=NOW)

    assert hold([source.pk], MINE, now=NOW + LEASE) == {source.pk}


def test_a_renewed_lease_lasts_longer(source):
    hold([source.pk], OTHERS, now=NOW)
    hold([source.pk], OTHERS, now=NOW + LEASE / 2)

    assert hold([source.pk], MINE, now=NOW + LEASE) == set()


def test_a_lease_is_not_renewed_at_every_look(source):
    hold([source.pk], MINE, now=NOW)

    hold([source.pk], MINE, now=NOW + timedelta(seconds=1))

    assert SourceState.objects.get().lease_expires_at == NOW + LEASE


def test_a_released_source_is_free_at_once(source):
    hold([source.pk], OTHERS, now=NOW)
    release([source.pk], OTHERS)

    assert hold([source.pk], MINE, now=NOW) == {source.pk}


def test_nobody_releases_anothers_lease(source):
    hold([source.pk], OTHERS, now=NOW)
    release([source.pk], MINE)

    assert hold([source.pk], MINE, now=NOW) == set()


def test_a_dead_neighbours_source_is_taken_at_once(source):
    with subprocess.Popen(["sleep", "60"]) as process:
        started = int(psutil.Process(process.pid).create_time())
        neighbour = replace(MINE, pid=process.pid, started=started)
        hold([source.pk], neighbour, now=NOW)
        while_it_lived = hold([source.pk], MINE, now=NOW)
        process.kill()

    assert (while_it_lived, hold([source.pk], MINE, now=NOW)) == (set(), {source.pk})


def test_a_reused_process_number_does_not_keep_a_lease(source):
    hold([source.pk], replace(MINE, started=1), now=NOW)

    assert hold([source.pk], MINE, now=NOW) == {source.pk}


def test_a_lease_of_another_host_is_not_judged_from_here(source):
    hold([source.pk], replace(OTHERS, pid=2**22 + 1), now=NOW)

    assert hold([source.pk], MINE, now=NOW) == set()


@pytest.mark.parametrize("text", ["", "alice", "a|b|c", "a|b|c|d|e", "a|b|x|1"])
def test_an_unreadable_holder_is_nobody(text):
    assert Holder.parse(text) is None


def test_a_holder_is_read_as_it_was_written():
    assert Holder.parse(str(MINE)) == MINE
