from __future__ import annotations

import pytest
from django.utils import timezone

from sources.services.inbox import deposit
from sources.services.pipeline import drain
from tests.factories.sources import arrival, dead_letter, log_batch
from tests.sources.api.conftest import as_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_the_pipeline_says_what_waits(api, cast):
    deposit(
        [
            arrival(cast.acme, log_batch("a", "b"), at=timezone.now()),
            arrival(cast.acme, log_batch("c"), priority=0, at=timezone.now()),
            arrival(cast.globex, log_batch("d")),
        ]
    )
    dead_letter(cast.acme)

    state = api.get("/api/v1/pipeline").json()

    inbox = state["inbox"]
    assert (inbox["batches"], inbox["records"]) == (2, 3)
    assert [(p["priority"], p["records"]) for p in inbox["by_priority"]] == [
        ("high", 1),
        ("normal", 2),
        ("low", 0),
    ]
    assert 0 <= inbox["oldest_age_seconds"] < 60
    assert state["dead_letters"]["batches"] == 1
    assert "platform" not in state


def test_the_pipeline_says_how_fast_it_is(api, cast):
    now = timezone.now()
    deposit([arrival(cast.acme, log_batch(*["x"] * 120), at=now)])
    drain(now)

    rates = api.get("/api/v1/pipeline").json()["rates"]

    assert 1.0 <= rates["lines_per_second"] <= 2.1
    assert rates["latency_ms"] == 0


def test_only_operators_see_the_whole_platform(cast, db):
    cast.alice.is_superuser = True
    cast.alice.save()
    deposit([arrival(cast.globex, log_batch("d"))])

    state = as_user(cast.alice).get("/api/v1/pipeline").json()

    assert (state["inbox"]["batches"], state["platform"]["inbox"]["batches"]) == (0, 1)
