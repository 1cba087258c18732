"""OpenTelemetry's own SDK and exporter against the edge, and what OTLP answers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from monitoring.services import queries
from monitoring.telemetry import SampleBatch
from sources.models import InboxBatch
from sources.services.pipeline import drain
from tests.factories.accounts import make_token

pytestmark = pytest.mark.integration

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.fixture
def secret(cast):
    return make_token(cast.acme, "ingest")


@pytest.fixture
def sender(client, secret):
    return client.as_token(secret)


@pytest.fixture
def served(edge):
    """Serve the edge on a socket, for senders that bring their own client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop = asyncio.new_event_loop()
        started = threading.Event()
        thread = threading.Thread(
            target=_serve, args=(edge, listener, loop, started), daemon=True
        )
        thread.start()
        started.wait(10)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _serve(edge, listener, loop, started):
    """Pass each connection's one request on to the edge: enough of HTTP for an SDK."""
    asyncio.set_event_loop(loop)

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines if line)
        size = int({k.lower(): v for k, v in headers.items()}["content-length"])
        body = await reader.readexactly(size)
        transport = httpx.ASGITransport(app=edge)
        async with httpx.AsyncClient(transport=transport, base_url="http://e") as own:
            found = await own.request(method, path, content=body, headers=headers)
        writer.write(f"HTTP/1.1 {found.status_code} OK\r\n".encode())
        for name, value in found.headers.items():
            writer.write(f"{name}: {value}\r\n".encode())
        writer.write(b"connection: close\r\n\r\n" + found.content)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = loop.run_until_complete(asyncio.start_server(answer, sock=listener.dup()))
    started.set()
    loop.run_forever()
    server.close()
    loop.run_until_complete(server.wait_closed())
    loop.close()


def export(
    endpoint, secret, record, *, compression=Compression.NoCompression, deltas=()
):
    exporter = OTLPMetricExporter(
        endpoint=f"{endpoint}/v1/metrics",
        headers={"Authorization": f"Bearer {secret}"},
        compression=compression,
        preferred_temporality=dict.fromkeys(deltas, AggregationTemporality.DELTA),
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    resource = Resource.create({"service.name": "shop", "host.name": "web-1"})
    provider = MeterProvider(resource=resource, metric_readers=[reader])
    try:
        record(provider.get_meter("checkout", "1.0"), provider)
    finally:
        provider.shutdown()


def stored(cast):
    now = datetime.now(UTC)  # noqa: TID251 - the SDK takes the time itself
    while not drain(now).found_nothing:
        pass
    end = int(now.timestamp() * 1000) + 60_000
    data = queries.querier(cast.system()).select((), end - 600_000, end)
    return {
        labels: data.values[data.offsets[i] : data.offsets[i + 1]].tolist()
        for i, labels in enumerate(data.labels)
    }


def by_name(found):
    return {dict(labels)["__name__"]: values for labels, values in found.items()}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_official_exporter_is_understood(served, secret, cast, compression):
    def record(meter, _):
        meter.create_counter("orders", "{order}").add(3, {"zone": "eu"})
        meter.create_histogram("latency", "s").record(0.3)
        meter.create_gauge("queue.depth").set(7)

    export(served, secret, record, compression=compression)

    found = stored(cast)
    (counter,) = (dict(s) for s in found if dict(s)["__name__"] == "orders_total")
    assert counter.pop("instance", "")  # The SDK makes one up.
    assert counter == {
        "__name__": "orders_total",
        "job": "shop",
        "otel_scope_name": "checkout",
        "otel_scope_version": "1.0",
        "zone": "eu",
    }
    names = by_name(found)
    assert names["orders_total"] == [3.0]
    assert names["latency_seconds_sum"] == [0.3]
    assert names["queue_depth"] == [7.0]
    assert names["target_info"] == [1.0]


def test_deltas_of_the_official_exporter_add_up(served, secret, cast):
    def record(meter, provider):
        orders = meter.create_counter("orders")
        waits = meter.create_histogram("waits", explicit_bucket_boundaries_advisory=[1])
        orders.add(3)
        waits.record(0.5)
        provider.force_flush()
        orders.add(4)
        waits.record(0.7)

    export(served, secret, record, deltas=(Counter, Histogram))

    names = by_name(stored(cast))
    assert names["orders_total"] == [3.0, 7.0]
    assert names["waits_count"] == [1.0, 2.0]


def body(value=1, time_ns="0", **more):
    point = {"asDouble": value, "timeUnixNano": time_ns, **more}
    metric = {"name": "up", "gauge": {"dataPoints": [point]}}
    return orjson.dumps(
        {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    )


@pytest.mark.parametrize(
    "path",
    [
        "/v1/metrics",
        "/otlp/v1/metrics",
        "/api/v1/otlp/v1/metrics",
        "/prometheus/api/v1/otlp/v1/metrics",
    ],
)
def test_success_is_an_empty_answer_of_the_same_type(sender, path):
    answer = sender.post(path, body(), Content_Type=JSON)

    assert (answer.status_code, answer.content) == (200, b"{}")
    assert answer.headers["content-type"] == JSON
    (batch,) = InboxBatch.objects.all()
    assert SampleBatch.decode(bytes(batch.payload)).series == ((("__name__", "up"),),)


def test_a_packed_body_is_read(sender):
    packed = gzip.compress(body())

    answer = sender.post(
        "/v1/metrics", packed, Content_Type=JSON, Content_Encoding="gzip"
    )

    assert answer.status_code == 200


def test_partial_success_says_how_many_and_why(sender):
    answer = sender.post("/v1/metrics", body(time_ns="5"), Content_Type=JSON)

    assert answer.status_code == 200
    assert answer.json() == {
        "partialSuccess": {
            "rejectedDataPoints": "1",
            "errorMessage": "metric 'up': out of bounds",
        }
    }


def test_an_empty_request_in_protobuf_is_a_success(sender):
    answer = sender.post("/v1/metrics", b"", Content_Type=PROTOBUF)

    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)
    assert not ExportMetricsServiceResponse.FromString(answer.content).ListFields()


@pytest.mark.parametrize(
    ("content", "headers", "status", "error"),
    [
        pytest.param(
            b"{",
            {"Content_Type": JSON},
            400,
            (
                3,
                "The body is not JSON: unexpected end of data: line 1 column 2 (char 1).",
            ),
            id="no_json",
        ),
        pytest.param(
            b"x",
            {"Content_Type": "text/plain"},
            415,
            (
                3,
                (
                    "Content-Type 'text/plain' is not supported: use "
                    "application/x-protobuf or application/json."
                ),
            ),
            id="media_type",
        ),
        pytest.param(
            b"x",
            {"Content_Type": JSON, "Content_Encoding": "br"},
            415,
            (
                3,
                (
                    "Content-Encoding 'br' is not supported: use identity, gzip, "
                    "deflate, zstd."
                ),
            ),
            id="encoding",
        ),
        pytest.param(
            b"{}",
            {"Content_Type": JSON, "Authorization": "Bearer x"},
            401,
            (16, "The token is unknown, expired or revoked."),
            id="token",
        ),
    ],
)
def test_an_error_is_a_status(sender, content, headers, status, error):
    answer = sender.post("/v1/metrics", content, **headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == JSON
    assert (answer.json()["code"], answer.json()["message"]) == error


def test_a_body_that_is_announced_as_too_large_is_refused(sender):
    answer = sender.post(
        "/v1/metrics", b"{}", Content_Type=JSON, Content_Length=str(10**9)
    )

    assert (answer.status_code, answer.json()["code"]) == (413, 11)


def test_an_error_of_a_protobuf_request_is_protobuf(sender):
    answer = sender.post("/v1/metrics", b"\xff", Content_Type=PROTOBUF)

    text = (
        b"The body is no opentelemetry.proto.collector.metrics.v1."
        b"ExportMetricsServiceRequest in protobuf."
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == PROTOBUF
    assert answer.content == b"\x08\x03\x12" + bytes([len(text)]) + text
