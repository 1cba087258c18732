"""Pushes through the whole edge, into the inbox."""

from __future__ import annotations

import gzip
import zlib

import orjson
import pyarrow as pa
import pytest

from monitoring.telemetry import LogBatch, SampleBatch
from sources.models import BatchKind, InboxBatch, IngestReceipt, Source
from tests.factories.accounts import make_token
from tests.factories.sources import SourceFactory

pytestmark = pytest.mark.integration

LOGS, METRICS = "/api/v1/logs", "/api/v1/metrics"
LINE = b'{"line":"hello"}'


@pytest.fixture
def sender(client, cast):
    return client.as_token(make_token(cast.acme, "ingest"))


def test_an_accepted_line_is_in_the_inbox(sender, cast):
    answer = sender.post(LOGS, b'{"line":"hello","labels":{"app":"shop"}}')

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    batch = InboxBatch.objects.get()
    decoded = LogBatch.decode(bytes(batch.payload))
    assert decoded.table.column("line").to_pylist() == ["hello"]
    assert decoded.streams == ((("app", "shop"), ("source", "api")),)
    assert (batch.organization, batch.source, batch.team) == (cast.acme, None, None)
    assert (batch.kind, batch.count, batch.size) == (BatchKind.LOGS, 1, len("hello\n"))


def test_an_accepted_sample_is_in_the_inbox(sender, cast):
    answer = sender.post(METRICS, b'{"metrics":[{"name":"up","value":1}]}')

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    batch = InboxBatch.objects.get()
    decoded = SampleBatch.decode(bytes(batch.payload))
    assert decoded.series == ((("__name__", "up"),),)
    assert decoded.values.tolist() == [1.0]
    assert (batch.organization, batch.kind) == (cast.acme, BatchKind.SAMPLES)


def test_bad_lines_are_refused_one_by_one(sender):
    answer = sender.post(LOGS, b'{"line":"a"}\n{"msg":"b"}\n{"line":"c"}')

    assert answer.json() == {
        "accepted": 2,
        "rejected": [
            {
                "index": 1,
                "error": "unknown key 'msg': there are timestamp, line, level, labels, fields",
            }
        ],
    }
    assert InboxBatch.objects.get().count == 2


def test_a_push_to_a_source_has_its_team_labels_and_priority(sender, cast):
    source = SourceFactory(
        organization=cast.acme,
        name="shop",
        team=cast.payments,
        labels={"env": "prod"},
        priority=Source.Priority.HIGH,
    )

    sender.post(f"{LOGS}?source=shop", b'{"line":"a","labels":{"env":"dev"}}')

    batch = InboxBatch.objects.get()
    decoded = LogBatch.decode(bytes(batch.payload))
    assert (batch.source, batch.team, batch.priority) == (source, cast.payments, 0)
    assert decoded.streams == ((("env", "prod"), ("source", "shop")),)


def test_what_a_teams_token_sends_is_the_teams(client, cast):
    token = make_token(cast.acme, "ingest", team=cast.payments)

    client.as_token(token).post(LOGS, LINE)

    assert InboxBatch.objects.get().team == cast.payments


def test_a_platform_token_says_for_which_organization(client, cast):
    secret = make_token(None, "ingest")

    client.as_token(secret, cast.globex.slug).post(LOGS, LINE)

    assert InboxBatch.objects.get().organization == cast.globex


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("zstd", lambda body: pa.Codec("zstd").compress(body, asbytes=True)),
        ("identity", bytes),
        ("GZIP", gzip.compress),
    ],
)
def test_bodies_may_be_packed(sender, encoding, pack):
    answer = sender.post(LOGS, pack(LINE), Content_Encoding=encoding)

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


def test_requests_at_the_same_time_are_all_taken(sender):
    bodies = [orjson.dumps({"line": f"line {i}"}) for i in range(50)]

    answers = sender.post_at_once(LOGS, bodies)

    assert [answer.status_code for answer in answers] == [202] * 50
    stored = [
        LogBatch.decode(bytes(batch.payload)).table.column("line")[0].as_py()
        for batch in InboxBatch.objects.all()
    ]
    assert sorted(stored) == sorted(f"line {i}" for i in range(50))


# --- Repetitions ---------------------------------------------------------------------


def test_a_repeated_push_is_answered_the_same_and_stored_once(sender):
    body = b'{"line":"a"}\n{"msg":"b"}'

    first = sender.post(LOGS, body, Idempotency_Key="k1")
    second = sender.post(LOGS, body, Idempotency_Key="k1")

    assert (second.status_code, second.json()) == (202, first.json())
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert InboxBatch.objects.count() == 1


def test_repetitions_at_the_same_time_are_stored_once(sender):
    answers = sender.post_at_once(LOGS, [LINE] * 20, Idempotency_Key="k1")

    assert [a.status_code for a in answers] == [202] * 20
    assert [a.json() for a in answers] == [{"accepted": 1, "rejected": []}] * 20
    assert InboxBatch.objects.count() == 1
    assert IngestReceipt.objects.count() == 1


def test_a_key_is_for_one_body(sender):
    sender.post(LOGS, LINE, Idempotency_Key="k1")

    answer = sender.post(LOGS, b'{"line":"other"}', Idempotency_Key="k1")

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert InboxBatch.objects.count() == 1


def test_keys_of_two_organizations_do_not_meet(client, cast):
    for organization in (cast.acme, cast.globex):
        client.as_token(make_token(organization, "ingest"))
        client.post(LOGS, LINE, Idempotency_Key="k1")

    assert InboxBatch.objects.count() == 2


def test_a_source_counts_what_was_refused(sender, cast):
    source = SourceFactory(organization=cast.acme, name="shop")

    sender.post(f"{LOGS}?source=shop", b'{"line":"a"}\n7\n8')

    source.state.refresh_from_db()
    assert source.state.rejected_total == 2
