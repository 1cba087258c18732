"""What keeps stored telemetry from being archived or deleted: seen, and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import DatabaseError

from accounts.scope import Scope
from monitoring.models import LifecycleState
from monitoring.store.interface import SourcesGoneError
from monitoring.store.vault import VaultError

Work = LifecycleState.Work

# From the first failure on the pause doubles, up to an hour.
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS = 7


def visible_hindrances(scope: Scope) -> list[LifecycleState]:
    """Return what is failing now."""
    return list(LifecycleState.objects.visible_to(scope).order_by("work"))


def may_try(organization_id: int, work: Work, *, now: datetime) -> bool:
    """Whether the work has not failed, or long enough ago."""
    rows = LifecycleState.unscoped.filter(organization_id=organization_id, work=work)
    return not rows.filter(next_try__gt=now).exists()


@contextmanager
def noted(organization_id: int, work: Work, *, now: datetime) -> Iterator[None]:
    """Note a failure of the work inside, or that there is none any more.

    A full disk, a bucket that is away and a lock that is held all end the work for
    now; what has been done is committed, and the rest is found again.
    """
    try:
        yield
    except SourcesGoneError:
        return  # Another worker was faster: nothing is wrong.
    except (VaultError, DatabaseError, OSError) as error:
        _fail(organization_id, work, str(error) or type(error).__name__, now)
    else:
        LifecycleState.unscoped.filter(
            organization_id=organization_id, work=work
        ).delete()


def _fail(organization_id: int, work: Work, error: str, now: datetime) -> None:
    state, _ = LifecycleState.unscoped.get_or_create(
        organization_id=organization_id,
        work=work,
        defaults={"error": "", "failures": 0, "since": now, "next_try": now},
    )
    pause = FIRST_PAUSE * 2 ** min(state.failures, _DOUBLINGS)
    state.failures += 1
    state.error = error[:2000]
    state.next_try = now + min(pause, LONGEST_PAUSE)
    state.save()
