"""Remote write through the edge: every answer as Prometheus gives it."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

import pytest

from monitoring.services import queries
from monitoring.telemetry import SampleBatch
from sources.models import InboxBatch
from sources.services.backlog import backlog
from sources.services.pipeline import drain
from tests.factories import remote_write as bodies
from tests.factories.accounts import make_token

pytestmark = pytest.mark.integration

V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
UP = {"__name__": "up", "job": "node"}
WRITE = "/api/v1/write"


@pytest.fixture
def sender(client, cast):
    return client.as_token(make_token(cast.acme, "ingest"))


@pytest.fixture
def now_ms():
    return int(time.time() * 1000)


def push(sender, body, path=WRITE, content_type=V1, **headers):
    given = {"Content_Type": content_type, "Content_Encoding": "snappy", **headers}
    return sender.post(path, bodies.snappy(body), **given)


def written(answer):
    prefix = "x-prometheus-remote-write-"
    kinds = ("samples", "histograms", "exemplars")
    return tuple(answer.headers[f"{prefix}{kind}-written"] for kind in kinds)


@pytest.mark.parametrize("path", [WRITE, "/api/v1/push", "/prometheus/api/v1/write"])
def test_a_good_request_is_answered_with_nothing(sender, now_ms, path):
    answer = push(sender, bodies.request(bodies.series(UP, [(1.0, now_ms)])), path)

    assert (answer.status_code, answer.content) == (204, b"")
    assert written(answer) == ("1", "0", "0")
    batch = SampleBatch.decode(bytes(InboxBatch.objects.get().payload))
    assert batch.series == (tuple(sorted(UP.items())),)
    assert batch.ts_ms.tolist() == [now_ms]


def test_the_second_version_is_chosen_by_its_content_type(sender, now_ms):
    request = bodies.Request2().add(
        UP, [(1.0, now_ms)], exemplars=[({"trace_id": "a"}, 1.0, now_ms)]
    )

    answer = push(sender, request.body(), content_type=V2)

    assert answer.status_code == 204
    assert written(answer) == ("1", "0", "1")


def test_of_a_partial_write_the_good_part_is_stored(sender, now_ms):
    body = bodies.request(
        bodies.series({"job": "x"}, [(1.0, now_ms)]),
        bodies.series(UP, [(1.0, now_ms)]),
    )

    answer = push(sender, body)

    assert answer.status_code == 400
    assert answer.text == 'invalid metric name or labels, got {job="x"}\n'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert written(answer) == ("1", "0", "0")
    assert InboxBatch.objects.get().count == 1


def test_metadata_alone_are_stored(sender):
    answer = push(sender, bodies.request(about=[bodies.metadata(1, "up_total")]))

    assert (answer.status_code, written(answer)) == (204, ("0", "0", "0"))
    assert InboxBatch.objects.get().count == 0


def test_an_empty_request_is_fine(sender):
    answer = push(sender, b"")

    assert answer.status_code == 204
    assert not InboxBatch.objects.exists()


ENCODED = "{} encoding (compression) is not accepted by this server; only snappy is acceptable\n"


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        pytest.param(
            {"Content_Encoding": "gzip"}, 415, ENCODED.format("gzip"), id="gzip"
        ),
        pytest.param(
            {"Content_Encoding": "zstd"}, 415, ENCODED.format("zstd"), id="zstd"
        ),
        pytest.param(
            {"Content_Type": "application/json"},
            415,
            "expected application/x-protobuf as the first (media) part, got "
            "application/json content-type\n",
            id="json",
        ),
        pytest.param(
            {"Content_Type": "application/x-protobuf;proto"},
            415,
            "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters "
            "to be key-values, got proto in application/x-protobuf;proto content-type\n",
            id="no_key_value",
        ),
        pytest.param(
            {"Content_Type": "application/x-protobuf;proto=foo.Bar"},
            415,
            "got application/x-protobuf;proto=foo.Bar content type; unknown remote write "
            "protobuf message foo.Bar, supported: prometheus.WriteRequest, "
            "io.prometheus.write.v2.Request\n",
            id="unknown_message",
        ),
        pytest.param(
            {"Authorization": "Bearer nobody"},
            401,
            "The token is unknown, expired or revoked.\n",
            id="unknown_token",
        ),
    ],
)
def test_every_refusal_counts_what_was_written(sender, headers, status, text):
    answer = push(sender, b"", **headers)

    assert (answer.status_code, answer.text) == (status, text)
    assert written(answer) == ("0", "0", "0")
    assert not InboxBatch.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"\xff\xff\xff\xff\x7fxx", 413, id="a_bomb"),
        pytest.param(b"\x05abc", 400, id="no_snappy"),
        pytest.param(bodies.snappy(b"\x0a\xff\xff"), 400, id="no_protobuf"),
        pytest.param(b"", 400, id="nothing"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(sender, body, status):
    answer = sender.post(WRITE, body, Content_Type=V1, Content_Encoding="snappy")

    assert answer.status_code == status
    assert written(answer) == ("0", "0", "0")


def test_a_message_that_is_unknown_is_refused_before_it_is_unpacked(sender):
    answer = sender.post(WRITE, b"no snappy", Content_Type="application/json")

    assert answer.status_code == 415
    assert written(answer) == ("0", "0", "0")


def test_a_full_inbox_is_told_as_what_prometheus_sends_again(sender, settings, now_ms):
    settings.INGEST_BACKLOG_LIMIT = 0
    backlog.forget()
    answer = push(sender, bodies.request(bodies.series(UP, [(1.0, now_ms)])))
    backlog.forget()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "0")
    assert answer.text.startswith("Too much waits to be stored already")
    assert written(answer) == ("0", "0", "0")


def test_the_first_senders_did_not_name_their_encoding(sender, now_ms):
    body = bodies.snappy(bodies.request(bodies.series(UP, [(1.0, now_ms)])))

    assert sender.post(WRITE, body).status_code == 204


def test_a_stale_marker_ends_the_series(sender, cast, now_ms):
    push(
        sender,
        bodies.request(
            bodies.series(UP, [(1.0, now_ms - 2000), (bodies.STALE, now_ms)])
        ),
    )
    drain(_moment(now_ms + 10))

    querier = queries.querier(cast.system())
    stored = querier.select((), now_ms - 5000, now_ms)

    assert stored.values.view("u8").tolist()[1] == bodies.STALE
    assert math.isnan(stored.values[1])


def test_a_repeated_request_leaves_one_of_each_sample(sender, cast, now_ms):
    body = bodies.request(bodies.series(UP, [(1.0, now_ms)]))
    push(sender, body)
    push(sender, body)

    drain(_moment(now_ms + 10))

    stored = queries.querier(cast.system()).select((), now_ms - 5, now_ms)
    assert stored.ts_ms.tolist() == [now_ms]


def _moment(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)
