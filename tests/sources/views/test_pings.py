"""The addresses that jobs call, in the words of Healthchecks's documentation."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Rule
from monitoring.services.queries import snapshot
from sources.models import Heartbeat, HeartbeatFlip, HeartbeatPing
from sources.services.heartbeats import keys, lateness, pings
from sources.services.heartbeats.settings import (
    HeartbeatSettings,
    create_heartbeat,
    pause_heartbeat,
)
from sources.services.heartbeats.states import status_at
from sources.services.pipeline import drain

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOTHING = uuid.UUID(int=0)


@pytest.fixture
def job(cast, redis_client):
    wanted = HeartbeatSettings(name="Nightly back-up", timeout_seconds=3600)
    return create_heartbeat(cast.system(), wanted, now=timezone.now())


@pytest.fixture
def key(cast):
    return keys.renew_ping_key(cast.system())


def call(job, end="", client=None, method="get", **more):
    return getattr(client or Client(), method)(f"/ping/{job.code}{end}", **more)


def again(job):
    job.refresh_from_db()
    return job


def is_at(job, moment):
    Heartbeat.unscoped.filter(pk=job.pk).update(
        last_ping_at=moment, status="up", late_at=moment + timedelta(hours=2)
    )


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_a_ping_says_that_the_job_is_well(job, method):
    answer = call(job, method=method)

    assert answer.status_code == 200
    assert answer.content == (b"" if method == "head" else b"OK")
    assert answer["Ping-Body-Limit"] == "100000"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert again(job).status == "up"
    assert job.late_at == job.last_ping_at + timedelta(hours=2)


@pytest.mark.parametrize(
    ("end", "kind", "exit_status", "status"),
    [
        ("", "success", None, "up"),
        ("/start", "start", None, "new"),
        ("/fail", "fail", None, "down"),
        ("/log", "log", None, "new"),
        ("/0", "success", 0, "up"),
        ("/1", "fail", 1, "down"),
        ("/255", "fail", 255, "down"),
    ],
)
def test_the_end_of_the_address_says_what_happened(job, end, kind, exit_status, status):
    assert call(job, end).status_code == 200

    ping = HeartbeatPing.objects.get()
    assert (ping.kind, ping.exit_status) == (kind, exit_status)
    assert again(job).status == status


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("{code}/256", 400, "invalid url format"),
        ("{code}/soon", 400, "invalid url format"),
        ("{code}?rid=x", 400, "invalid uuid format"),
        ("not-a-uuid", 400, "invalid uuid format"),
        (str(NOTHING), 404, "not found"),
        ("wrong-key/nightly-back-up", 404, "not found"),
        ("{key}/Nightly", 400, "invalid url format"),
        ("{key}/unknown", 404, "not found"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(job, key, path, status, words):
    answer = Client().get("/ping/" + path.format(code=job.code, key=key))

    assert (answer.status_code, answer.content.decode()) == (status, words)


def test_other_methods_are_refused(job):
    assert call(job, method="delete").status_code == 405


def test_the_body_is_kept_up_to_the_limit(job, settings):
    settings.PING_BODY_LIMIT = 10

    call(job, method="post", data="x" * 20, content_type="text/plain")

    assert bytes(HeartbeatPing.objects.get().body) == b"x" * 10


def test_start_and_end_give_the_duration(job):
    call(job, "/start")
    call(job)

    took = again(job).last_duration
    assert took is not None
    assert HeartbeatPing.objects.first().duration == took
    assert job.last_start_at is None


def test_runs_that_overlap_are_told_apart_by_their_ids(job):
    first, second = uuid.uuid4(), uuid.uuid4()
    call(job, f"/start?rid={first}")
    call(job, f"/start?rid={second}")

    call(job, f"?rid={first}")

    assert again(job).last_duration is None
    assert job.last_start_rid == second
    assert job.last_start_at is not None


def test_a_slug_names_the_job(job, key):
    answer = Client().get(f"/ping/{key}/nightly-back-up/fail")

    assert answer.status_code == 200
    assert again(job).status == "down"


def test_a_ping_makes_what_it_names_when_it_asks_for_it(key, cast, redis_client):
    answer = Client().get(f"/ping/{key}/weekly?create=1")

    assert (answer.status_code, answer.content) == (201, b"Created")
    made = Heartbeat.unscoped.get()
    assert (made.slug, made.organization, made.status) == ("weekly", cast.acme, "up")
    assert Rule.unscoped.filter(organization=cast.acme).exists()


def test_two_of_one_slug_cannot_be_told_apart(job, key, cast):
    twin = HeartbeatSettings(name="Twin", slug="nightly-back-up")
    create_heartbeat(cast.system(), twin, now=timezone.now())

    answer = Client().get(f"/ping/{key}/nightly-back-up")

    assert (answer.status_code, answer.content) == (409, b"ambiguous slug")


def test_an_old_key_is_no_more(job, key, cast):
    keys.renew_ping_key(cast.system())

    assert Client().get(f"/ping/{key}/nightly-back-up").status_code == 404


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("backup ok", "success"),
        ("ERROR then ok", "fail"),
        ("begin", "start"),
        ("nothing", "ign"),
    ],
)
def test_words_in_the_body_say_what_happened(job, body, kind):
    Heartbeat.unscoped.update(
        failure_words=["ERROR"], success_words=["ok"], start_words=["begin"]
    )

    call(job, method="post", data=body, content_type="text/plain")

    assert HeartbeatPing.objects.get().kind == kind


def test_a_link_preview_is_not_a_ping_where_only_post_counts(job):
    Heartbeat.unscoped.update(post_only=True)

    call(job)

    assert HeartbeatPing.objects.get().kind == "ign"
    assert again(job).status == "new"


def test_a_ping_ends_a_pause_unless_that_is_forbidden(job, cast):
    pause_heartbeat(cast.system(), job, now=timezone.now())
    call(job)
    assert again(job).status == "up"

    Heartbeat.unscoped.update(manual_resume=True)
    pause_heartbeat(cast.system(), job, now=timezone.now())
    call(job)
    assert again(job).status == "paused"


def test_the_newest_hundred_pings_are_kept(job):
    signal = pings.Signal(kind="success", at=timezone.now(), method="GET")
    for _ in range(pings.KEPT + 5):
        pings.ping(job.pk, signal)

    assert HeartbeatPing.objects.count() == pings.KEPT
    assert again(job).pings_total == pings.KEPT + 5


def test_a_job_is_late_and_then_down(job):
    now = timezone.now()
    is_at(job, now - timedelta(minutes=90))
    assert status_at(again(job), now) == "grace"

    is_at(job, now - timedelta(hours=3))
    assert lateness.anything_late(now)
    assert lateness.mark_late(now) == 1

    assert again(job).status == "down"
    assert not lateness.anything_late(now)
    flip = HeartbeatFlip.objects.get()
    assert (flip.from_status, flip.to_status) == ("up", "down")


def test_a_job_that_has_started_must_end_within_its_grace(job):
    now = timezone.now()
    call(job, "/start")

    later = now + timedelta(hours=1, minutes=1)
    lateness.mark_late(later)

    assert again(job).status == "down"


def test_its_state_becomes_a_metric_that_a_rule_watches(job, cast):
    call(job, "/fail")
    now = timezone.now()
    drain(now)

    found = {s.name: s for s in snapshot(cast.system(), now=timezone.now())}

    assert found["hc_check_up"].value == 0
    assert found["hc_check_up"].labels["name"] == "Nightly back-up"
    rule = Rule.unscoped.get(organization=cast.acme, name="Heartbeat missed")
    assert rule.query == "hc_check_up"


@pytest.mark.parametrize(
    ("query", "status"), [("status=up&msg=OK&ping=12", "up"), ("status=down", "down")]
)
def test_uptime_kumas_push_address_works(job, query, status):
    answer = Client().get(f"/api/push/{job.code.hex}?{query}")

    assert answer.json() == {"ok": True}
    assert again(job).status == status


def test_uptime_kumas_push_to_nobody_is_refused_in_its_words(db):
    answer = Client().get("/api/push/nothing")

    assert (answer.status_code, answer.json()["ok"]) == (404, False)
