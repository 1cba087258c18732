"""Senders that others have written, unchanged but for the address and the token."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from logging_loki import LokiHandler
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from monitoring.telemetry import Level, LogBatch
from sources.models import InboxBatch
from tests.factories.accounts import make_token

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
NODE = shutil.which("node")
SYSTEMD = Path("/lib/systemd")
UPLOAD = SYSTEMD / "systemd-journal-upload"
REMOTE = SYSTEMD / "systemd-journal-remote"
RSYSLOG = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
SECONDS = 60

needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")
needs_journal = pytest.mark.skipif(
    not (UPLOAD.exists() and REMOTE.exists()),
    reason="systemd-journal-remote is not installed",
)
needs_rsyslog = pytest.mark.skipif(
    RSYSLOG is None or not any(Path("/usr/lib").glob("*/rsyslog/omelasticsearch.so")),
    reason="rsyslog-elasticsearch is not installed",
)


@pytest.fixture
def address(daphne, edge):
    daphne.application = edge
    return daphne.address


@pytest.fixture
def token(cast):
    return make_token(cast.acme, "ingest")


def kept() -> list[tuple[str, str, dict[str, str]]]:
    """Return the lines in the inbox, each with its level and labels."""
    found = []
    for row in InboxBatch.objects.order_by("pk"):
        batch = LogBatch.decode(bytes(row.payload))
        for record in batch.table.to_pylist():
            level = record["level"]
            word = "" if level is None else Level(level).word
            found.append((record["line"], word, dict(batch.streams[record["stream"]])))
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true")
        time.sleep(0.05)


def run_node(script: str, **environment: str) -> None:
    subprocess.run(
        [NODE, "-e", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        timeout=SECONDS,
    )


def test_python_logging_loki(address, token):
    handler = LokiHandler(
        url=f"http://{address}/loki/api/v1/push",
        tags={"app": "shop"},
        auth=("any", token),
        version="1",
    )
    logger = logging.getLogger(f"shop-{uuid4()}")
    logger.addHandler(handler)
    failures: list[object] = []
    handler.handleError = failures.append

    logger.error("payment failed", extra={"tags": {"order": "7"}})

    handler.emitter.close()
    labels = {"app": "shop", "severity": "error", "logger": logger.name, "order": "7"}
    assert failures == []
    assert kept() == [("payment failed", "error", {**labels, "source": "api"})]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_opentelemetry_s_otlp_exporter(address, token, compression):
    exporter = OTLPLogExporter(
        endpoint=f"http://{address}/v1/logs",
        headers={"authorization": f"Bearer {token}"},
        compression=compression,
    )
    provider = LoggerProvider(Resource({"service.name": "shop"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))

    for number in range(3):
        provider.get_logger("app").emit(
            LogRecord(
                body=f"line {number}",
                severity_number=SeverityNumber.WARN,
                attributes={"n": number},
            )
        )
    provider.shutdown()

    labels = {"service_name": "shop", "source": "api"}
    assert kept() == [(f"line {n}", "warn", labels) for n in range(3)]


WINSTON = """
const { createLogger } = require("winston");
const LokiTransport = require("winston-loki");
const transport = new LokiTransport({
  host: process.env.LOKI, basicAuth: "any:" + process.env.TOKEN, labels: { app: "shop" },
  json: process.env.JSON === "1", interval: 1, format: require("winston").format.json(),
  onConnectionError: (error) => { console.error(error); process.exit(1); },
});
const logger = createLogger({ transports: [transport] });
for (let i = 0; i < 3; i++) logger.warn({ message: "line " + i, n: i });
transport.flush().then(() => process.exit(0));
"""


@needs_node
@pytest.mark.parametrize("json", ["0", "1"], ids=["protobuf", "json"])
def test_winston_loki(address, token, json):
    run_node(WINSTON, LOKI=f"http://{address}", TOKEN=token, JSON=json)

    labels = {"app": "shop", "level": "warn", "source": "api"}
    assert [(level, stream) for _, level, stream in kept()] == [("warn", labels)] * 3
    assert [f"line {n}" in line for n, (line, *_) in enumerate(kept())] == [True] * 3


PINO = """
const pino = require("pino");
const transport = pino.transport({
  target: require.resolve("pino-loki"),
  options: {
    host: process.env.LOKI, basicAuth: { username: "any", password: process.env.TOKEN },
    labels: { app: "shop" }, batching: { interval: 1 }, silenceErrors: false,
  },
});
const logger = pino(transport);
for (let i = 0; i < 3; i++) logger.error({ n: i }, "line " + i);
transport.on("close", () => process.exit(0));
transport.end();
"""


@needs_node
def test_pino_loki(address, token):
    run_node(PINO, LOKI=f"http://{address}", TOKEN=token)

    assert [level for _, level, _ in kept()] == ["error"] * 3
    assert [f"line {n}" in line for n, (line, *_) in enumerate(kept())] == [True] * 3


@needs_journal
def test_systemd_journal_upload(address, token, tmp_path):
    journal = tmp_path / "some.journal"
    exported = b"".join(
        b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n"
        b"PRIORITY=3\n_HOSTNAME=web1\n_SYSTEMD_UNIT=shop.service\nMESSAGE\n%s%s\n\n"
        % (
            1_795_266_000_000_000 + n,
            n + 1,
            1,
            (8).to_bytes(8, "little"),
            b"line\n%3d" % n,
        )
        for n in range(500)
    )
    subprocess.run([REMOTE, "-o", journal, "-"], input=exported, check=True)

    subprocess.run(
        [
            UPLOAD,
            "--follow=no",
            f"--file={journal}",
            f"--url=http://any:{token}@{address}",
            f"--save-state={tmp_path / 'state'}",
        ],
        check=True,
        timeout=SECONDS,
    )

    labels = {"host": "web1", "unit": "shop.service", "source": "api"}
    assert kept() == [(f"line\n{n:3d}", "error", labels) for n in range(500)]


RSYSLOG_CONF = r"""
global(workDirectory="{directory}" localHostname="web1")
module(load="imfile")
module(load="omelasticsearch")
template(name="document" type="list" option.json="on") {{
  constant(value="{{\"@timestamp\":\"") property(name="timereported" dateFormat="rfc3339")
  constant(value="\",\"host\":\"") property(name="hostname")
  constant(value="\",\"level\":\"") property(name="syslogseverity-text")
  constant(value="\",\"message\":\"") property(name="msg") constant(value="\"}}")
}}
input(type="imfile" file="{directory}/app.log" tag="shop" severity="error")
action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" bulkmode="on"
  uid="any" pwd="{token}" searchIndex="rsyslog" searchType="" template="document"
  errorfile="{directory}/refused")
"""


@needs_rsyslog
def test_rsyslog_s_omelasticsearch(address, token, tmp_path):
    port = address.rpartition(":")[2]
    lines = [f'line {n} "quoted" \\ é' for n in range(200)]
    (tmp_path / "app.log").write_text("".join(f"{line}\n" for line in lines))
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(
        RSYSLOG_CONF.format(directory=tmp_path, port=port, token=token)
    )

    command = [RSYSLOG, "-n", "-f", configuration, "-i", tmp_path / "pid"]
    with subprocess.Popen(command) as daemon:
        try:
            until(
                lambda: sum(InboxBatch.objects.values_list("count", flat=True)) >= 200
            )
        finally:
            daemon.terminate()

    labels = {"host": "web1", "index": "rsyslog", "source": "api"}
    assert kept() == [(line, "error", labels) for line in lines]
    assert not (tmp_path / "refused").exists()
