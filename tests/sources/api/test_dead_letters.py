from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from monitoring.models import Series
from sources.models import BatchKind, DeadLetter, InboxBatch
from sources.services.inbox import deposit
from sources.services.pipeline import drain
from tests.factories.sources import (
    NOW,
    SourceFactory,
    arrival,
    by_reference,
    dead_letter,
    log_batch,
    sample_batch,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_dead_letters_are_listed_with_their_reason(api, cast):
    source = SourceFactory(organization=cast.acme, name="app")
    dead_letter(cast.acme, source=source)
    dead_letter(cast.globex)

    (shown,) = api.get("/api/v1/dead-letters").json()["results"]

    assert (shown["source"], shown["error"], shown["count"]) == (
        {"id": source.pk, "name": "app"},
        "ValueError: no",
        1,
    )


def test_a_replayed_letter_is_in_the_inbox_as_if_new(api, cast):
    dead = dead_letter(cast.acme)

    answer = api.post(f"/api/v1/dead-letters/{dead.pk}/replay")

    assert answer.json() == {"replayed": 1}
    batch = InboxBatch.objects.get()
    assert (batch.attempts, batch.received_at, batch.count) == (0, NOW, 1)
    assert not DeadLetter.unscoped.exists()
    assert AuditEntry.unscoped.filter(action="dead_letter.replay").count() == 1


def test_all_letters_are_replayed_at_once(api, cast):
    for _ in range(3):
        dead_letter(cast.acme)
    dead_letter(cast.globex)

    answer = api.post("/api/v1/dead-letters/replay", {}, format="json")

    assert answer.json() == {"replayed": 3}
    assert DeadLetter.unscoped.count() == 1


def test_a_discarded_letter_is_gone_and_audited(api, cast):
    dead = dead_letter(cast.acme)

    assert api.delete(f"/api/v1/dead-letters/{dead.pk}").status_code == 204

    assert not DeadLetter.unscoped.exists()
    assert AuditEntry.unscoped.get(action="dead_letter.discard").before["count"] == 1


def test_another_organizations_letters_do_not_exist(api, cast):
    dead = dead_letter(cast.globex)

    assert api.post(f"/api/v1/dead-letters/{dead.pk}/replay").status_code == 404
    assert api.post(
        "/api/v1/dead-letters/replay", {"ids": [dead.pk]}, format="json"
    ).json() == {"replayed": 0}
    assert api.delete(f"/api/v1/dead-letters/{dead.pk}").status_code == 404


def test_a_letter_shows_what_is_in_it_without_its_secrets(api, cast):
    masks = {"masks": [{"preset": "email"}]}
    source = SourceFactory(organization=cast.acme, processing=masks)
    payload = log_batch("to a@b.example", "plain").encode()
    dead = dead_letter(cast.acme, source=source)
    unknown, broken = dead_letter(cast.acme), dead_letter(cast.acme)
    DeadLetter.unscoped.filter(pk__in=[dead.pk, unknown.pk]).update(payload=payload)
    DeadLetter.unscoped.filter(pk=broken.pk).update(payload=b"garbage")

    shown = [
        api.get(f"/api/v1/dead-letters/{letter.pk}").json()["samples"]
        for letter in (dead, unknown, broken)
    ]

    assert shown == [["to [email]", "plain"], ["to [email]", "plain"], []]


def test_samples_by_reference_are_shown_with_their_labels(
    api, cast, redis_client, django_capture_on_commit_callbacks
):
    deposit([arrival(cast.acme, sample_batch("up", 1.0, job=job)) for job in "ab"])
    with django_capture_on_commit_callbacks(execute=True):
        drain(NOW)
    dead = dead_letter(cast.acme)
    referring = by_reference(cast.acme, sample_batch("up", 2.0, job="b"))
    DeadLetter.unscoped.update(kind=BatchKind.SAMPLES, payload=referring.encode())

    shown = api.get(f"/api/v1/dead-letters/{dead.pk}").json()["samples"]
    Series.unscoped.all().delete()
    gone = api.get(f"/api/v1/dead-letters/{dead.pk}").json()["samples"]

    assert (shown, gone) == (['{__name__="up", job="b"}'], [])
