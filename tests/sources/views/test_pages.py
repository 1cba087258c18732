from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.scope import TeamRole
from sources.models import DeadLetter, InboxBatch, Source, SourceState
from sources.services.inbox import deposit
from sources.services.pipeline import drain
from tests.factories.accounts import TeamMembershipFactory
from tests.factories.sources import (
    SourceFactory,
    arrival,
    dead_letter,
    log_batch,
    sample_batch,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def visit(client, cast, redis_client):
    """Alice's browser: pages by name, in Acme unless told otherwise."""
    client.force_login(cast.alice)

    def go(name, *args, method="get", data=None, user=None, slug="acme"):
        if user is not None:
            client.force_login(user)
        return getattr(client, method)(reverse(name, args=[slug, *args]), data or {})

    return go


def test_the_list_opens_with_its_conclusion_and_the_least_healthy(visit, cast):
    good = SourceFactory(organization=cast.acme, name="good")
    bad = SourceFactory(organization=cast.acme, name="bad")
    SourceState.objects.filter(source=good).update(last_seen=timezone.now())
    SourceState.objects.filter(source=bad).update(
        last_error="cannot read", last_error_at=timezone.now()
    )

    answer = visit("sources")

    assert answer.status_code == 200
    assert [row.source.name for row in answer.context["rows"]] == ["bad", "good"]
    assert answer.context["conclusion"] == "1 of 2 sources healthy."
    assert answer.context["conclusion_parts"] == [
        {"status": "error", "text": "1 error"}
    ]


def test_the_list_is_filtered_by_health(visit, cast):
    SourceFactory(organization=cast.acme, name="waits")
    SourceFactory(organization=cast.acme, name="paused", enabled=False)

    answer = visit("sources", data={"filter": "disabled"})

    assert [row.source.name for row in answer.context["rows"]] == ["paused"]
    assert answer.context["total"] == 1


def test_an_empty_list_says_how_to_fill_it(visit, cast):
    answer = visit("sources")

    assert "Add source" in answer.content.decode()


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_list_takes_the_same_queries_for_any_length(
    visit, cast, item_count, django_assert_max_num_queries
):
    SourceFactory.create_batch(item_count, organization=cast.acme, team=cast.payments)
    visit("sources")

    with django_assert_max_num_queries(22):
        visit("sources")


def test_a_source_shows_what_it_brought(visit, cast):
    source = SourceFactory(organization=cast.acme, name="app")
    now = timezone.now()
    deposit([arrival(cast.acme, log_batch("hello there"), source=source, at=now)])
    drain(now)

    answer = visit("source-detail", source.pk)

    text = answer.content.decode()
    assert answer.status_code == 200
    assert "hello there" in text
    assert answer.context["row"].rate > 0
    assert not answer.context["chart"].is_empty
    assert "/api/v1/logs?source=app" in text


def test_a_host_shows_its_newest_samples(visit, cast):
    source = SourceFactory(organization=cast.acme, name="box", kind="host")
    now = timezone.now()
    batch = sample_batch("node_load1", 0.5, at=now, job="host")
    deposit([arrival(cast.acme, batch, source=source, at=now)])
    drain(now)

    samples = visit("source-detail", source.pk).context["samples"]

    assert [(sample["name"], sample["value"]) for sample in samples] == [
        ('node_load1{job="host"}', 0.5)
    ]


def test_a_test_shows_what_would_be_read(visit, cast, tmp_path):
    (tmp_path / "a.log").write_text("hello\n")
    config = {"paths": [f"{tmp_path}/*.log"]}
    source = SourceFactory(organization=cast.acme, kind="file", config=config)

    answer = visit("source-test", source.pk, method="post")

    assert "1 file can be read" in answer.content.decode()


def test_a_source_is_paused_and_goes_on(visit, cast):
    source = SourceFactory(organization=cast.acme)

    visit("source-toggle", source.pk, method="post")
    source.refresh_from_db()
    assert source.enabled is False

    visit("source-toggle", source.pk, method="post")
    source.refresh_from_db()
    assert source.enabled is True


def test_a_source_is_deleted(visit, cast):
    source = SourceFactory(organization=cast.acme)

    answer = visit("source-delete", source.pk, method="post")

    assert answer.url == reverse("sources", args=["acme"])
    assert not Source.unscoped.exists()


def test_a_dead_letter_is_replayed(visit, cast):
    letter = dead_letter(cast.acme)
    assert "ValueError: no" in visit("sources").content.decode()

    visit("dead-letter-replay", letter.pk, method="post")

    assert InboxBatch.objects.count() == 1
    assert not DeadLetter.unscoped.exists()


@pytest.mark.parametrize("name", ["source-summary", "source-sentence"])
def test_the_overview_shows_how_sources_are(visit, cast, name):
    SourceFactory(organization=cast.acme, name="app")
    source = SourceFactory(organization=cast.acme, name="late")
    SourceState.objects.filter(source=source).update(
        last_seen=timezone.now() - timedelta(hours=1)
    )

    answer = visit(name)

    assert (answer.context["total"], answer.context["healthy"]) == (2, 1)
    assert "late" in answer.content.decode()


# --- The wizard ------------------------------------------------------------------------


def file_form(tmp_path, **given):
    return {
        "kind": "file",
        "paths": f"{tmp_path}/*.log",
        "read_from": "start",
        "name": "app",
        "labels": "env=prod",
        "priority": "1",
        "enabled": "on",
        **given,
    }


def test_the_wizard_begins_with_the_kind(visit, cast):
    answer = visit("source-add")

    assert (answer.status_code, answer.context["step"]) == (200, "kind")


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("file", ["kind", "where", "check", "save"]),
        ("host", ["kind", "where", "save"]),
        ("push", ["kind", "save"]),
    ],
)
def test_each_kind_has_its_steps(visit, cast, kind, steps):
    answer = visit("source-add", method="post", data={"step": "kind", "kind": kind})

    assert answer.context["step"] == steps[1]
    assert [step["key"] for step in answer.context["steps"]] == steps


def test_the_wizard_shows_what_would_arrive(visit, cast, tmp_path):
    (tmp_path / "a.log").write_text('{"level":"error","msg":"failed"}\n' * 20)

    answer = visit(
        "source-add", method="post", data=file_form(tmp_path, step="where", name="")
    )

    assert answer.context["step"] == "check"
    preview = answer.context["preview"]
    assert (preview["confidence"], preview["parsed"]) == (100, 20)
    assert "failed" in answer.content.decode()


def test_the_wizard_goes_back(visit, cast, tmp_path):
    form = file_form(tmp_path, step="save", back="where")

    answer = visit("source-add", method="post", data=form)

    assert answer.context["step"] == "where"
    assert f"{tmp_path}/*.log" in answer.content.decode()


def test_the_wizards_last_step_saves(visit, cast, tmp_path):
    form = file_form(tmp_path, step="save", team=cast.payments.slug)

    answer = visit("source-add", method="post", data=form)

    source = Source.unscoped.get()
    assert answer.url == reverse("source-detail", args=["acme", source.pk])
    assert (source.name, source.labels, source.team) == (
        "app",
        {"env": "prod"},
        cast.payments,
    )
    assert source.config["paths"] == [f"{tmp_path}/*.log"]


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("where", {"paths": "/etc/passwd"}),
        ("where", {"paths": ""}),
        ("save", {"name": ""}),
        ("save", {"name": "taken"}),
        ("save", {"labels": "env"}),
        ("save", {"labels": "a-b=c"}),
        ("save", {"team": "nobody"}),
    ],
)
def test_the_wizard_says_what_to_fix_where_it_is(visit, cast, tmp_path, step, wrong):
    SourceFactory(organization=cast.acme, name="taken")
    form = file_form(tmp_path, step=step, **wrong)

    answer = visit("source-add", method="post", data=form)

    assert (answer.status_code, answer.context["step"]) == (422, step)
    assert list(answer.context["form"].errors) == list(wrong)
    assert answer.context["blocked"] == "One field to fix first."


def test_a_source_is_edited(visit, cast, tmp_path):
    config = {"paths": [f"{tmp_path}/old.log"], "encoding": "latin-1"}
    source = SourceFactory(organization=cast.acme, kind="file", config=config)
    shown = visit("source-edit", source.pk)
    assert (shown.context["step"], shown.status_code) == ("where", 200)

    visit(
        "source-edit", source.pk, method="post", data=file_form(tmp_path, step="save")
    )

    source.refresh_from_db()
    assert source.config["paths"] == [f"{tmp_path}/*.log"]
    assert (source.config["encoding"], source.name) == ("latin-1", "app")


def test_the_preview_alone_is_a_fragment(visit, cast, tmp_path):
    (tmp_path / "a.log").write_text("level=info msg=hello\n" * 20)

    answer = visit("source-preview", method="post", data=file_form(tmp_path))

    assert "<html" not in answer.content.decode()
    assert "hello" in answer.content.decode()


def test_the_preview_says_why_it_shows_nothing(visit, cast):
    form = file_form("/etc")

    answer = visit("source-preview", method="post", data=form)

    assert "outside the allowed directories" in answer.content.decode()


# --- Who may ---------------------------------------------------------------------------


def test_a_viewer_is_offered_no_changes(visit, cast):
    source = SourceFactory(organization=cast.acme, team=cast.payments)

    assert visit("source-detail", source.pk, user=cast.bob).context["can_edit"] is False
    assert visit("source-add").status_code == 403
    assert visit("source-edit", source.pk).status_code == 403
    visit("source-delete", source.pk, method="post")
    assert Source.unscoped.filter(pk=source.pk).exists()


def test_a_maintainer_edits_the_teams_sources(visit, cast):
    TeamMembershipFactory(user=cast.carol, team=cast.payments, role=TeamRole.MAINTAINER)
    source = SourceFactory(organization=cast.acme, team=cast.payments)

    visit("source-toggle", source.pk, method="post", user=cast.carol)

    source.refresh_from_db()
    assert source.enabled is False


def test_to_a_stranger_a_source_does_not_exist(visit, cast):
    source = SourceFactory(organization=cast.acme)

    mallory = cast.mallory
    assert visit("source-detail", source.pk, user=mallory).status_code == 404
    assert visit("source-detail", source.pk, slug="globex").status_code == 404
