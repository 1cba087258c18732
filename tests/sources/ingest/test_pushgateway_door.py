"""The Pushgateway's API: groups are kept, shown again, replaced and deleted."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitoring.telemetry import STALE_NAN_BITS, SampleBatch
from sources.models import InboxBatch, PushedGroup
from sources.services import pushed
from tests.factories.accounts import make_token

pytestmark = pytest.mark.integration

TEXT = b'# TYPE done counter\ndone 3\nlast_size{unit="mb"} 1.5\n'
LATER = datetime(2100, 1, 1, tzinfo=UTC)
TIMES = {"push_time_seconds", "push_failure_time_seconds"}


@pytest.fixture
def sender(client, cast):
    return client.as_token(make_token(cast.acme, "ingest"))


def inbox():
    """Return what has arrived since the last look: the value of each series."""
    found = {}
    for row in InboxBatch.objects.order_by("id"):
        batch = SampleBatch.decode(bytes(row.payload))
        for series, value in zip(batch.series_index, batch.values, strict=True):
            labels = dict(batch.series[series])
            name = labels.pop("__name__")
            text = name + "".join(f" {k}={v}" for k, v in labels.items())
            stale = np.float64(value).view(np.uint64) == STALE_NAN_BITS
            if name not in TIMES:
                found[text] = "stale" if stale else float(value)
    InboxBatch.objects.all().delete()
    return found


def test_a_push_stands_under_its_groups_labels(sender):
    answer = sender.send("PUT", "/metrics/job/backup/instance/db-1", TEXT)

    assert (answer.status_code, answer.content) == (200, b"")
    assert inbox() == {
        "done instance=db-1 job=backup": 3.0,
        "last_size instance=db-1 job=backup unit=mb": 1.5,
    }


def test_the_time_of_the_push_is_a_series(sender):
    sender.send("PUT", "/metrics/job/backup", b"")

    batch = SampleBatch.decode(bytes(InboxBatch.objects.get().payload))
    assert {dict(s)["__name__"] for s in batch.series} == TIMES
    assert batch.values[1] == 0.0


def test_labels_in_base64_may_hold_slashes(sender):
    path = base64.urlsafe_b64encode(b"/var/tmp").decode().rstrip("=")

    sender.send("PUT", f"/metrics/job@base64/YQ==/path@base64/{path}", b"up 1\n")
    sender.send("PUT", "/metrics/job/b/empty@base64/=", b"up 2\n")

    assert inbox() == {"up job=a path=/var/tmp": 1.0, "up job=b": 2.0}


def test_what_was_pushed_is_said_again(sender):
    sender.send("PUT", "/metrics/job/backup", TEXT)
    first = inbox()

    pushed.deposit_all(LATER)

    times = {
        ts
        for row in InboxBatch.objects.all()
        for ts in SampleBatch.decode(bytes(row.payload)).ts_ms.tolist()
    }
    assert times == {int(LATER.timestamp() * 1000)}
    assert inbox() == first


def test_a_put_replaces_its_group(sender):
    sender.send("PUT", "/metrics/job/backup", TEXT)
    inbox()

    sender.send("PUT", "/metrics/job/backup", b"done 4\n")

    assert inbox() == {"done job=backup": 4.0, "last_size job=backup unit=mb": "stale"}
    pushed.deposit_all(LATER)
    assert inbox() == {"done job=backup": 4.0}


def test_a_post_replaces_metrics_of_the_same_name(sender):
    sender.send("PUT", "/metrics/job/backup", TEXT)
    inbox()

    sender.post("/metrics/job/backup", b'last_size{unit="gb"} 2\n')

    assert inbox() == {
        "last_size job=backup unit=gb": 2.0,
        "last_size job=backup unit=mb": "stale",
    }
    pushed.deposit_all(LATER + timedelta(seconds=15))
    assert inbox() == {"done job=backup": 3.0, "last_size job=backup unit=gb": 2.0}


def test_a_deleted_group_ends(sender):
    sender.send("PUT", "/metrics/job/backup", TEXT)
    sender.send("PUT", "/metrics/job/other", b"up 1\n")
    inbox()

    answer = sender.send("DELETE", "/metrics/job/backup")

    assert answer.status_code == 202
    assert inbox() == {
        "done job=backup": "stale",
        "last_size job=backup unit=mb": "stale",
    }
    assert [group.labels for group in PushedGroup.unscoped.all()] == [{"job": "other"}]


def test_deleting_what_is_not_there_is_fine(sender):
    assert sender.send("DELETE", "/metrics/job/backup").status_code == 202
    assert inbox() == {}


def test_groups_of_two_organizations_do_not_meet(client, cast):
    client.as_token(make_token(cast.acme, "ingest"))
    client.send("PUT", "/metrics/job/backup", TEXT)
    client.as_token(make_token(cast.globex, "ingest"))

    client.send("DELETE", "/metrics/job/backup")

    assert PushedGroup.unscoped.get().organization == cast.acme


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/metrics/job/", b"up 1\n", 400, "job name is required\n"),
        (
            "/metrics/job/a/b",
            b"",
            400,
            'odd number of components in label string "/b"\n',
        ),
        ("/metrics/job/a/0b/c", b"", 400, 'improper label name "0b"\n'),
        ("/metrics/job/a/__name__/c", b"", 400, 'improper label name "__name__"\n'),
        ("/metrics/job/a/job/c", b"", 400, 'label name "job" is not unique\n'),
        (
            "/metrics/job@base64/!",
            b"",
            400,
            'invalid base64 encoding in label value "job@base64/!"\n',
        ),
        (
            "/metrics/job/a",
            b"up 1 1395066363000\n",
            400,
            "pushed metrics must not have timestamps\n",
        ),
        ("/metrics/job/a", b"up", 400, "line 1: expected a value after 'up'\n"),
        (
            "/metrics/job/a",
            b"up 1\nup 2\n",
            400,
            (
                "pushed metrics are invalid or inconsistent with existing metrics: a "
                "series was collected before with the same name and label values\n"
            ),
        ),
    ],
)
def test_a_bad_push_is_refused(sender, path, body, status, text):
    answer = sender.send("PUT", path, body)

    assert (answer.status_code, answer.text) == (status, text)
    assert inbox() == {}
    assert not PushedGroup.unscoped.exists()


def test_protobuf_is_refused(sender):
    answer = sender.send(
        "PUT", "/metrics/job/a", b"\x01", Content_Type="application/vnd.google.protobuf"
    )

    assert answer.status_code == 415


def test_our_own_metrics_are_not_the_gateways(client):
    assert client.send("GET", "/metrics").status_code == 299
