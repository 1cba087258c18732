"""What each log protocol's senders are answered, and what is kept, at the real edge."""

from __future__ import annotations

import base64
import gzip
import zlib

import pytest
from django.utils import timezone
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from monitoring.telemetry import LogBatch, nanoseconds
from sources.models import DeadLetter, InboxBatch, Source, SourceState
from sources.services.inbox import deposit
from sources.services.pipeline import drain
from tests.factories import loki
from tests.factories.accounts import make_token
from tests.factories.sources import SourceFactory, arrival, log_batch

pytestmark = pytest.mark.integration

LOKI, OTLP, HEC = "/loki/api/v1/push", "/v1/logs", "/services/collector"
BULK, JOURNAL, GELF = "/elasticsearch/_bulk", "/upload", "/gelf"
DATADOG = "/api/v2/logs"

JSON = {"Content_Type": "application/json"}
PROTOBUF = {"Content_Type": "application/x-protobuf"}
EXPORT = {"Content_Type": "application/vnd.fdo.journal"}
NDJSON = {"Content_Type": "application/x-ndjson"}

AT = "1795266000000000000"
LOKI_BODY = loki.json(({"a": "b"}, [AT, "hello"]))
LOKI_PUSH = loki.snappy(loki.protobuf(('{a="b"}', (1_795_266_000, 5, b"hello", {}))))
OTLP_BODY = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}'
BULK_BODY = b'{"create":{"_index":"logs"}}\n{"message":"hello"}\n'
GELF_BODY = b'{"version":"1.1","host":"web1","short_message":"hello"}'
HEC_BODY, HEC_OK = b'{"event":"hello"}', b'{"text":"Success","code":0}'
JOURNAL_BODY = b"MESSAGE=hello\n\n"
DATADOG_BODY = b'[{"message":"hello"}]'

# Every way in: where, what with, and how it is said that the line was taken.
WAYS = {
    "loki_json": (LOKI, LOKI_BODY, JSON, 204, b""),
    "loki_protobuf": (LOKI, LOKI_PUSH, PROTOBUF, 204, b""),
    "otlp": (OTLP, OTLP_BODY, JSON, 200, b"{}"),
    "otlp_of_loki": ("/otlp/v1/logs", OTLP_BODY, JSON, 200, b"{}"),
    "elastic": (BULK, BULK_BODY, NDJSON, 200, b'{"took":'),
    "gelf": (GELF, GELF_BODY, JSON, 202, b""),
    "journald": (JOURNAL, JOURNAL_BODY, EXPORT, 202, b"OK.\n"),
    "datadog": (DATADOG, DATADOG_BODY, JSON, 202, b"{}"),
    "datadog_before": (
        "/v1/input",
        b"hello",
        {"Content_Type": "text/plain"},
        202,
        b"{}",
    ),
    "splunk": (HEC, HEC_BODY, JSON, 200, HEC_OK),
    "splunk_event": (f"{HEC}/event/1.0", HEC_BODY, JSON, 200, HEC_OK),
    "splunk_raw": (f"{HEC}/raw", b"hello", {}, 200, HEC_OK),
}


@pytest.fixture
def token(client, cast):
    secret = make_token(cast.acme, "ingest")
    client.as_token(secret)
    return secret


@pytest.fixture
def sender(client, token):
    return client


def batches() -> list[LogBatch]:
    rows = InboxBatch.objects.order_by("pk")
    return [LogBatch.decode(bytes(row.payload)) for row in rows]


def lines() -> list[str]:
    return [line for b in batches() for line in b.table.column("line").to_pylist()]


@pytest.mark.parametrize("way", WAYS)
def test_a_line_is_taken_as_its_protocol_says(sender, way):
    path, body, headers, status, content = WAYS[way]

    answer = sender.post(path, body, **headers)

    assert (answer.status_code, answer.content[: len(content) or None]) == (
        status,
        content,
    )
    assert lines() == ["hello"]


def test_a_bulk_is_answered_item_by_item(sender):
    body = BULK_BODY + b'{"delete":{"_id":"7"}}\n{"index":{"_id":"8"}}\n{broken\n'

    answer = sender.post("/my-index/_bulk", body, **NDJSON)

    said = answer.json()
    assert (answer.status_code, said["errors"]) == (200, True)
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    told = [(name, i[name]["status"]) for i in said["items"] for name in i]
    assert told == [("create", 201), ("delete", 400), ("index", 400)]
    assert said["items"][2]["index"]["_index"] == "my-index"
    assert said["items"][2]["index"]["error"]["type"] == "document_parsing_exception"
    assert lines() == ["hello"]
    assert batches()[0].streams == ((("index", "logs"), ("source", "api")),)


# --- Who may --------------------------------------------------------------------------


def basic(secret: str, user: str = "any") -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def test_a_token_stands_where_the_sender_can_put_it(client, cast):
    secret = make_token(cast.acme, "ingest")
    key = base64.b64encode(f"id:{secret}".encode()).decode()
    places = [
        ("loki_json", {"Authorization": basic(secret)}),
        ("otlp", {"Authorization": f"Bearer {secret}"}),
        ("splunk", {"Authorization": f"Splunk {secret}"}),
        ("splunk_raw", {"Authorization": basic(secret, "x")}),
        ("datadog", {"DD-API-KEY": secret}),
        ("journald", {"Authorization": basic(secret)}),
        ("elastic", {"Authorization": f"ApiKey {key}"}),
        ("elastic", {"Authorization": basic(secret, "elastic")}),
    ]

    for way, header in places:
        path, body, headers, status, _ = WAYS[way]
        assert client.post(path, body, **headers, **header).status_code == status


def test_without_a_good_token_each_protocol_says_so_in_its_words(client, edge):
    wrong = {"Authorization": "Bearer vdt_wrong"}

    def told(path, **headers):
        answer = client.post(path, b"x", **headers)
        return answer.status_code, answer.text[:32]

    assert told(LOKI, **wrong) == (401, "The token is unknown, expired or")
    assert told(OTLP, **JSON) == (401, '{"code":16,"message":"Send a tok')
    assert told(BULK) == (401, '{"error":{"root_cause":[{"type":')
    assert told(HEC) == (401, '{"text":"Token is required","cod')
    assert told(HEC, **wrong) == (403, '{"text":"Invalid token","code":4')
    assert told(GELF) == (401, '{"error":{"code":"not_authentica')
    assert told(JOURNAL) == (401, "Send a token with the permission")
    assert told(DATADOG) == (403, '{"errors":[{"status":"403","deta')


def test_otlp_s_errors_are_in_the_encoding_of_the_request(client, edge):
    answer = client.post(OTLP, b"", **PROTOBUF, Authorization="Bearer vdt_wrong")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert (
        answer.content == b"\x08\x10\x12\x29The token is unknown, expired or revoked."
    )


@pytest.mark.parametrize(
    ("organization", "status", "text"),
    [
        ("acme", 204, ""),
        ("globex", 404, "There is no such organization.\n"),
        ("acme|globex", 400, "multiple org IDs present\n"),
    ],
)
def test_loki_s_tenant_is_the_token_s(client, cast, organization, status, text):
    client.as_token(make_token(cast.acme, "ingest"), organization)

    answer = client.post(LOKI, LOKI_BODY, **JSON)

    assert (answer.status_code, answer.text) == (status, text)


# --- Handshakes -----------------------------------------------------------------------


def test_elastic_s_shippers_may_ask_what_they_ask_first(sender):
    asked = [
        ("HEAD", "/elasticsearch"),
        ("GET", "/elasticsearch/_xpack"),
        ("GET", "/_nodes/http"),
        ("GET", "/_cluster/health"),
        ("GET", "/elasticsearch/_ilm/policy/logs"),
        ("PUT", "/elasticsearch/_index_template/logs"),
        ("HEAD", "/_data_stream/logs-app-default"),
        ("GET", "/_ingest/pipeline/x"),
    ]

    answers = [sender.send(method, path) for method, path in asked]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-elastic-product"] for answer in answers} == {
        "Elasticsearch"
    }


def test_elastic_s_root_says_a_version(sender):
    answer = sender.send("GET", "/elasticsearch/")

    assert answer.json()["version"]["number"] == "8.17.0"


def test_the_licence_is_active(sender):
    assert sender.send("GET", "/_license").json()["license"]["status"] == "active"


def test_at_the_root_only_elastic_s_clients_are_answered(sender):
    agents = {
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/131": 299,
        "Elastic-Heartbeat/8.17.0": 299,
        "curl/8.5.0": 299,
        "Elastic-filebeat/8.17.0 (linux; amd64)": 200,
        "elasticsearch-ruby/8.15.0": 200,
    }

    answers = {a: sender.send("GET", "/", User_Agent=a).status_code for a in agents}

    assert answers == agents


def test_splunk_s_health_needs_no_token(client, edge):
    answer = client.send("GET", f"{HEC}/health")

    assert answer.json() == {"text": "HEC is healthy", "code": 17}


def test_splunk_s_acknowledgements_are_off(sender):
    answer = sender.post(f"{HEC}/ack", b'{"acks":[0]}')

    assert (answer.status_code, answer.json()["code"]) == (400, 14)


# --- Bad input ------------------------------------------------------------------------

PACKED = gzip.compress(LOKI_BODY)
TEN_MEGABYTES = b"x" * 10_000_000
LONG_LINE = loki.json(({"a": "b"}, [AT, TEN_MEGABYTES.decode()], [AT, "good"]))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "text"),
    [
        pytest.param(
            LOKI, PACKED[:-9], {**JSON, "Content_Encoding": "gzip"},
            400, "The body is not valid gzip: Compressed file ended",
            id="gzip_cut_off",
        ),
        pytest.param(
            BULK, PACKED[:-9], {"Content_Encoding": "gzip"},
            400, "The body is not valid gzip", id="gzip_cut_off_to_elastic",
        ),
        pytest.param(
            LOKI, LOKI_PUSH[:-3], PROTOBUF,
            400, "The body is not valid snappy: snappy: corrupt input",
            id="snappy_cut_off",
        ),
        pytest.param(
            LOKI, LOKI_BODY, PROTOBUF, 400, "corrupt input", id="json_as_snappy"
        ),
        pytest.param(
            LOKI, b"\xff\xff\xff\xff\x0f", PROTOBUF,
            413, "A body may have 16777216 bytes", id="snappy_bomb",
        ),
        pytest.param(
            GELF, gzip.compress(b" " * 20_000_000), {"Content_Encoding": "gzip"},
            413, "A body may have 16777216 bytes", id="gzip_bomb",
        ),
        pytest.param(
            HEC, b"{" * 2000, {}, 400, '"code":6,"invalid-event-number":0', id="deep"
        ),
        pytest.param(
            HEC, b"", {}, 400, '{"text":"No data","code":5', id="splunk_without_data"
        ),
        pytest.param(
            f"{HEC}/raw?time=noon", b"x", {}, 400, '"code":6', id="splunk_raw_time"
        ),
        pytest.param(
            LOKI, b'{"streams":[]}', JSON,
            422, "error at least one valid stream is required", id="no_streams",
        ),
        pytest.param(
            LOKI, loki.json(({}, [AT, "x"])), JSON,
            400, "error at least one label pair is required per stream", id="no_labels",
        ),
        pytest.param(
            LOKI, loki.json(({"a": "b"}, [7, "x"])), JSON,
            400, "Value looks like string, but can't find closing", id="time_as_number",
        ),
        pytest.param(OTLP, b"x", {"Content_Type": "text/plain"}, 415, "", id="otlp_text"),
        pytest.param(OTLP, b"{", JSON, 400, '{"code":3,"message":', id="otlp_broken"),
        pytest.param(BULK, b"", NDJSON, 400, "request body is required", id="empty_bulk"),
        pytest.param(GELF, b"{}", JSON, 400, "host is required", id="empty_gelf"),
        pytest.param(JOURNAL, b"x", {}, 415, "Content-Type", id="journal_as_text"),
        pytest.param(JOURNAL, b"x", EXPORT, 400, "no journal export", id="no_journal"),
        pytest.param(DATADOG, b"[7]", JSON, 400, "is not an object", id="datadog_7"),
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_with_the_reason(  # noqa: PLR0917 - a table
    sender, path, body, headers, status, text
):
    answer = sender.post(path, body, **headers)

    assert (answer.status_code, text in answer.text) == (status, True), answer.text
    assert lines() == []


LOKI_TOO_LONG = "Max entry size '262144' bytes exceeded for stream '{a=\"b\"}'"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "text"),
    [
        pytest.param(LOKI, LONG_LINE, JSON, 400, LOKI_TOO_LONG, id="loki"),
        pytest.param(
            LOKI,
            loki.snappy(
                loki.protobuf(
                    ('{a="b"}', (1, 0, TEN_MEGABYTES, {}), (1, 0, b"good", {}))
                )
            ),
            PROTOBUF, 400, LOKI_TOO_LONG, id="loki_protobuf",
        ),
        pytest.param(
            BULK,
            b'{"create":{}}\n{"message":"' + TEN_MEGABYTES + b'"}\n'
            b'{"create":{}}\n{"message":"good"}\n',
            NDJSON, 200, "line has 10000000 bytes; 262144 may be", id="elastic",
        ),
        pytest.param(
            HEC, b'{"event":"' + TEN_MEGABYTES + b'"}{"event":"good"}', JSON,
            400, '"invalid-event-number":0', id="splunk",
        ),
        pytest.param(
            JOURNAL, b"MESSAGE=" + TEN_MEGABYTES + b"\n\nMESSAGE=good\n\n", EXPORT,
            202, "OK.", id="journald",
        ),
    ],
)  # fmt: skip
def test_a_line_of_ten_megabytes_is_refused_alone_and_counted(  # noqa: PLR0917 - a table
    sender, cast, path, body, headers, status, text
):
    source = SourceFactory(organization=cast.acme, name="shop")

    answer = sender.post(path, body, **headers, X_Vedette_Source="shop")

    assert (answer.status_code, text in answer.text) == (status, True), answer.text[
        :300
    ]
    assert lines() == ["good"]
    drain(timezone.now())
    assert SourceState.objects.get(source=source).rejected_total == 1


def test_what_is_refused_of_a_push_that_brings_nothing_else_is_counted(sender, cast):
    source = SourceFactory(organization=cast.acme, name="shop")

    sender.post(f"{GELF}?source=shop", b'{"host":"a"}\n{"host":"b"}')

    state = SourceState.objects.get(source=source)
    assert state.rejected_total == 2
    assert state.last_error == "short_message is required, and not empty"


def test_a_clock_that_is_years_off_loses_no_line(sender, cast):
    now = nanoseconds(timezone.now())
    year = 365 * 86_400 * 10**9
    times = [str(now + years * year) for years in (-40, -3, 3, 100)]

    answer = sender.post(
        LOKI, loki.json(({"a": "b"}, *([t, t] for t in times))), **JSON
    )

    assert (answer.status_code, lines()) == (204, times)


def test_nul_bytes_and_other_encodings_stay_in_their_lines(sender):
    body = BULK_BODY.replace(b"hello", b"a\\u0000b caf\xe9 \xf0\x9f\x9a\x80")

    sender.post(BULK, body, **NDJSON)

    assert lines() == ["a\x00b caf� 🚀"]


def label_sets(count: int) -> bytes:
    return loki.json(*(({"n": str(n)}, [AT, "x"]) for n in range(count)))


def test_a_hundred_thousand_label_sets_come_in_at_once(sender):
    answer = sender.post(LOKI, label_sets(100_000), **JSON)

    [batch] = batches()
    assert (answer.status_code, len(batch.streams)) == (204, 100_000)


def test_more_label_sets_than_allowed_harm_nobody_else(sender, cast, redis_client):
    type(cast.acme).objects.filter(pk=cast.acme.pk).update(max_streams=10)

    answer = sender.post(LOKI, label_sets(2_000), **JSON)
    sender.post(LOKI, LOKI_BODY, **JSON)
    drain(timezone.now())

    assert answer.status_code == 204
    assert "limit of 10" in DeadLetter.unscoped.get().error
    assert not InboxBatch.objects.exists()


def test_a_full_backlog_is_told_in_each_protocol_s_words(sender, cast, settings):
    settings.INGEST_BACKLOG_LIMIT = 1
    deposit([arrival(cast.acme, log_batch("waits"))])

    def told(way):
        path, body, headers, *_ = WAYS[way]
        answer = sender.post(path, body, **headers)
        assert int(answer.headers["retry-after"]) >= 1
        return answer.status_code, answer.text[:20]

    assert told("loki_json") == (429, "Too much waits to be")
    assert told("otlp") == (429, '{"code":8,"message":')
    assert told("splunk") == (429, '{"text":"Server is b')
    assert told("datadog") == (429, '{"errors":[{"status"')
    assert told("journald") == (429, "Too much waits to be")


def test_a_long_journal_is_stored_entry_by_entry(sender, settings):
    settings.INGEST_MAX_BODY_BYTES = 100_000
    entries = b"".join(b"MESSAGE=line %d\n\n" % n for n in range(20_000))

    answer = sender.post(JOURNAL, entries, **EXPORT)

    assert (answer.status_code, len(lines())) == (202, 20_000)


def test_otlp_answers_in_protobuf_what_was_asked_in_protobuf(sender):
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add
    record().body.string_value = "hello"
    record().body.string_value = "x" * 300_000

    answer = sender.post(
        OTLP,
        gzip.compress(request.SerializeToString()),
        **PROTOBUF,
        Content_Encoding="gzip",
    )

    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert (answer.status_code, said.rejected_log_records) == (200, 1)
    assert said.error_message == "record 1: line has 300000 bytes; 262144 may be"
    assert lines() == ["hello"]


@pytest.mark.parametrize(
    ("way", "encoding", "pack"),
    [
        ("gelf", "deflate", zlib.compress),
        ("gelf", "gzip", gzip.compress),
        ("loki_json", "gzip", gzip.compress),
    ],
)
def test_bodies_come_packed_as_senders_pack_them(sender, way, encoding, pack):
    path, body, headers, status, _ = WAYS[way]

    answer = sender.post(path, pack(body), **headers, Content_Encoding=encoding)

    assert (answer.status_code, lines()) == (status, ["hello"])


def test_a_push_by_any_protocol_may_name_its_source(sender, cast):
    SourceFactory(organization=cast.acme, name="shop", labels={"env": "prod"})

    sender.post(LOKI, LOKI_BODY, **JSON, X_Vedette_Source="shop")

    assert InboxBatch.objects.get().source == Source.unscoped.get(name="shop")
    assert batches()[0].streams == ((("a", "b"), ("env", "prod"), ("source", "shop")),)
