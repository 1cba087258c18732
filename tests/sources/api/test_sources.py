from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.models import AuditEntry
from sources.models import InboxBatch, Source, SourceState
from sources.services.inbox import deposit
from tests.factories.sources import SourceFactory, arrival, log_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/v1/sources"
TMP = django_settings.FILE_SOURCE_ROOTS[-1]
INSIDE = f"{TMP}/x"


def push(**given):
    return {"kind": "push", "name": "shop", **given}


def test_a_file_source_is_made(api, tmp_path):
    wanted = {
        "kind": "file",
        "name": "app",
        "config": {"paths": [f"{tmp_path}/*.log"]},
        "labels": {"env": "prod"},
    }

    answer = api.post(URL, wanted, format="json")

    assert answer.status_code == 201
    shown = answer.json()
    assert {key: shown[key] for key in wanted} == wanted
    assert shown["id"] == Source.unscoped.get().pk
    assert (shown["status"], shown["lines_total"], shown["bytes_total"]) == (
        "waiting",
        0,
        0,
    )
    assert (shown["last_seen"], shown["last_error"]) == (None, "")
    assert (shown["team"], shown["priority"], shown["enabled"]) == (
        None,
        "normal",
        True,
    )


def test_what_happened_at_a_source_is_shown(api, cast):
    source = SourceFactory(organization=cast.acme, name="app")
    SourceState.objects.filter(source=source).update(
        lines_total=7,
        bytes_total=700,
        last_seen=timezone.now(),
        last_error="gone",
        last_error_at=timezone.now() - timedelta(hours=1),
        detected_format="json",
    )

    shown = api.get(f"{URL}/{source.pk}").json()

    assert (shown["status"], shown["lines_total"], shown["bytes_total"]) == (
        "ok",
        7,
        700,
    )
    assert (shown["last_error"], shown["detected_format"]) == ("gone", "json")
    assert shown["last_seen"].endswith("Z")


@pytest.mark.parametrize(
    ("seen", "failed", "status"),
    [
        (None, None, "waiting"),
        (1, None, "ok"),
        (11, None, "quiet"),
        (None, 1, "error"),
        (2, 1, "error"),
        (1, 2, "ok"),
    ],
)
def test_a_status_says_how_a_source_is(api, cast, seen, failed, status):
    def ago(minutes):
        return None if minutes is None else timezone.now() - timedelta(minutes=minutes)

    source = SourceFactory(organization=cast.acme)
    SourceState.objects.filter(source=source).update(
        last_seen=ago(seen), last_error_at=ago(failed), last_error="x" if failed else ""
    )

    assert api.get(f"{URL}/{source.pk}").json()["status"] == status
    assert [s["id"] for s in api.get(URL, {"status": status}).json()["results"]] == [
        source.pk
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["b", "a"]),
        ({"kind": "host"}, ["b"]),
        ({"team": "payments"}, ["a"]),
        ({"q": "shop"}, ["a"]),
        ({"q": "B"}, ["b"]),
        ({"status": "error"}, []),
    ],
)
def test_the_list_is_filtered(api, cast, query, names):
    SourceFactory(
        organization=cast.acme, name="a", team=cast.payments, labels={"app": "shop"}
    )
    SourceFactory(organization=cast.acme, name="b", kind="host")

    answer = api.get(URL, query).json()

    assert [source["name"] for source in answer["results"]] == names
    assert answer["next"] is None


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_list_takes_the_same_queries_for_any_length(
    api, cast, item_count, django_assert_max_num_queries
):
    SourceFactory.create_batch(item_count, organization=cast.acme, team=cast.payments)
    api.get(URL)

    with django_assert_max_num_queries(3):
        api.get(URL)


# --- Changes ---------------------------------------------------------------------------


def test_a_change_is_audited_with_before_and_after(api, cast):
    source = SourceFactory(organization=cast.acme, name="app")

    answer = api.patch(f"{URL}/{source.pk}", {"enabled": False}, format="json")

    assert (answer.status_code, answer.json()["status"]) == (200, "disabled")
    entry = AuditEntry.unscoped.get(action="source.update")
    assert (entry.before, entry.after) == ({"enabled": True}, {"enabled": False})


def test_a_change_of_nothing_is_not_audited(api, cast):
    source = SourceFactory(organization=cast.acme, name="app")

    api.patch(f"{URL}/{source.pk}", {"name": "app"}, format="json")

    assert not AuditEntry.unscoped.filter(action="source.update").exists()


def test_put_sets_what_it_leaves_out_to_the_default(api, cast):
    source = SourceFactory(
        organization=cast.acme, labels={"a": "b"}, team=cast.payments, priority=2
    )

    answer = api.put(f"{URL}/{source.pk}", push(name="new"), format="json").json()

    assert (answer["name"], answer["labels"], answer["team"]) == ("new", {}, None)
    assert answer["priority"] == "normal"


def test_a_deleted_sources_batches_are_kept(api, cast):
    source = SourceFactory(organization=cast.acme)
    deposit([arrival(cast.acme, log_batch("a"), source=source)])

    answer = api.delete(f"{URL}/{source.pk}")

    assert answer.status_code == 204
    assert InboxBatch.objects.get().source is None
    entry = AuditEntry.unscoped.get(action="source.delete")
    assert entry.before["name"] == source.name


# --- Refusals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "field", "reason"),
    [
        ({"kind": "push"}, "name", "required"),
        ({"name": "x"}, "kind", "required"),
        (push(kind="magic"), "kind", "not a valid choice"),
        (push(name=""), "name", "blank"),
        (push(name="x" * 101), "name", "100"),
        (push(name="api"), "name", "stands for pushes"),
        (push(name="taken"), "name", "named “taken” already"),
        (push(colour="red"), "colour", "Unknown field"),
        (push(status="ok"), "status", None),
        (push(team="nobody"), "team", "nobody"),
        (push(priority="soon"), "priority", "not a valid choice"),
        (push(format="morse"), "format", "There is no format"),
        (push(labels={"a-b": "c"}), "labels", "is no label name"),
        (push(labels={"a": 1}), "labels", "must be a string"),
        (push(labels={"source": "x"}), "labels", "is always the name"),
        (push(config={"x": 1}), "config.x", "no such setting of a push source"),
        (push(config=[]), "config", "Expected a dictionary"),
        (push(kind="host", config={"interval_seconds": 0}), "config.interval_seconds", "from 1 to 300"),
        (push(kind="host", config={"interval_seconds": True}), "config.interval_seconds", "from 1 to 300"),
        (push(kind="file"), "config.paths", "at least one path"),
        (push(kind="file", config={"paths": []}), "config.paths", "at least one path"),
        (push(kind="file", config={"paths": INSIDE}), "config.paths", "at least one path"),
        (push(kind="file", config={"paths": [7]}), "config.paths", "must be a text"),
        (push(kind="file", config={"paths": ["x.log"]}), "config.paths", "is not absolute"),
        (push(kind="file", config={"paths": [f"{TMP}/../etc/passwd"]}), "config.paths", "contains “..”"),
        (push(kind="file", config={"paths": ["/etc/passwd"]}), "config.paths", "outside the allowed directories"),
        (push(kind="file", config={"paths": ["/*/passwd"]}), "config.paths", "outside the allowed directories"),
        (push(kind="file", config={"paths": ["/**"]}), "config.paths", "outside the allowed directories"),
        (push(kind="file", config={"paths": [f"{TMP}foo/x"]}), "config.paths", "outside the allowed directories"),
        (push(kind="file", config={"paths": [INSIDE + "\x00"]}), "config.paths", "must be a text"),
        (push(kind="file", config={"paths": [INSIDE], "from": "now"}), "config.from", "“start” or “end”"),
        (push(kind="file", config={"paths": [INSIDE], "encoding": "klingon"}), "config.encoding", "no encoding"),
        (push(kind="file", config={"paths": [INSIDE], "builtin": "platform-logs"}), "config.builtin", "no such setting"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_by_name(api, cast, wanted, field, reason):
    SourceFactory(organization=cast.acme, name="taken")

    answer = api.post(URL, wanted, format="json")

    if reason is None:  # what machines write is ignored, not refused
        assert answer.status_code == 201
        return
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert list(error["fields"]) == [field]
    assert reason in error["fields"][field][0]
    assert error["detail"].startswith(f"{field}: ")
    assert Source.unscoped.count() == 1


def test_the_allowed_directories_are_named(api):
    wanted = push(kind="file", config={"paths": ["/etc/passwd"]})

    detail = api.post(URL, wanted, format="json").json()["error"]["detail"]

    for root in django_settings.FILE_SOURCE_ROOTS:
        assert str(root.resolve()) in detail


def test_a_link_out_of_the_allowed_directories_is_refused(api, tmp_path):
    (tmp_path / "out").symlink_to("/etc")

    for path in (f"{tmp_path}/out/passwd", f"{tmp_path}/out/*.conf", f"{tmp_path}/out"):
        wanted = push(kind="file", config={"paths": [path]})
        assert api.post(URL, wanted, format="json").status_code == 400


def test_the_kind_never_changes(api, cast):
    source = SourceFactory(organization=cast.acme)

    answer = api.patch(f"{URL}/{source.pk}", {"kind": "host"}, format="json")

    assert answer.status_code == 400
    assert "never changes" in answer.json()["error"]["detail"]


def test_a_bad_change_leaves_everything_as_it_was(api, cast):
    source = SourceFactory(organization=cast.acme, name="app")

    api.patch(
        f"{URL}/{source.pk}", {"name": "new", "labels": {"1": "x"}}, format="json"
    )

    source.refresh_from_db()
    assert (source.name, source.labels) == ("app", {})
