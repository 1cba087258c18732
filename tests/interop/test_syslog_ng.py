"""A real syslog-ng against the collector and a door: lines in are lines out."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.interop.full_inbox import PATIENCE, idle_workers, refusal
from tests.interop.syslog_daemons import connected, numbered, syslog_ng
from tests.processes.test_collector_process import stored, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.django_db(transaction=True)]

_TLS = 'transport("tls") tls(ca-file("{ca}") peer-verify(required-trusted))'
_QUERY_RANGE = "/loki/api/v1/query_range"
BATCH = 50
_HTTP = """http(
  url("{url}/_bulk") method("POST") user("any") password("{token}")
  headers("Content-Type: application/x-ndjson") batch-lines(50) batch-timeout(200)
  delimiter("\\n") body-suffix("\\n") retries(100)
  body('{{"create":{{"_index":"syslog-ng"}}}}
$(format-json --scope none host.name=$HOST service.name=$PROGRAM message=$MSG)')
);"""


@dataclass(frozen=True)
class Way:
    """How syslog-ng sends, and how many lines a connection that ends may cost it."""

    transport: str
    driver: str
    lost: int = 0


@pytest.mark.parametrize(
    "way",
    [
        Way("tcp", 'syslog("127.0.0.1" port({port}) transport("tcp"));'),
        Way("tcp", 'network("127.0.0.1" port({port}) transport("tcp"));'),
        # Over TLS syslog-ng does not look whether the other side has ended: the first
        # line that it has afterwards it writes to nobody.
        Way("tls", f'syslog("localhost" port({{port}}) {_TLS});', lost=1),
    ],
    ids=["octets_counted", "newlines", "tls"],
)
def test_over_a_connection_nothing_is_lost_across_a_restart(
    collector, listening, daemon, authority, way
):
    certificate, key = map(str, authority.issue())
    port = listening(way.transport, tls_certificate_file=certificate, tls_key_file=key)
    collector.start()
    connected(port).close()
    told = way.driver.format(port=port, ca=Path(certificate).with_name("ca.pem"))
    sender = daemon(syslog_ng, told)
    sender.give(*numbered(0, 500))
    wait_until(lambda: len(stored()) >= 200)

    sender.give(*numbered(500, 10_000))
    collector.end(signal.SIGTERM)
    sender.give(*numbered(10_000, 11_000))
    collector.start()
    wait_until(lambda: "line 10999" in stored())

    found = stored()
    assert len(found) == len(set(found))
    assert set(found) <= set(numbered(0, 11_000))
    assert len(found) >= 11_000 - way.lost


def test_over_udp_it_arrives(collector, listening, daemon):
    port = listening("udp")
    collector.start()
    sender = daemon(syslog_ng, f'network("127.0.0.1" port({port}) transport("udp"));')
    wait_until(lambda: sender.give("hello") or "hello" in stored())


def test_over_http_nothing_is_lost_while_the_inbox_is_full(platform, daemon):
    token = platform.token()
    sender = daemon(syslog_ng, _HTTP.format(url=platform.url, token=token))

    with idle_workers(platform):
        sender.give(*numbered(0, 1000))
        assert refusal(platform, token).status_code == 429
    platform.kill("config.asgi")
    sender.give(*numbered(1000, 2000))

    found = _await_lines(platform, token, 2000)
    assert sorted(set(found)) == numbered(0, 2000)
    # Whose answer the web process that was killed owed comes once more.
    assert len(found) - len(set(found)) <= BATCH


def _await_lines(platform, token: str, count: int) -> list[str]:
    question = {"query": '{index="syslog-ng"}', "limit": "5000", "since": "1h"}
    deadline = time.monotonic() + PATIENCE
    found: list[str] = []
    with platform.client(token) as client:
        while len(set(found)) < count:
            assert time.monotonic() < deadline, len(found)
            time.sleep(0.3)
            with contextlib.suppress(httpx.HTTPError):
                answer = client.get(f"{platform.url}{_QUERY_RANGE}", params=question)
                streams = answer.raise_for_status().json()["data"]["result"]
                found = [line for stream in streams for _, line in stream["values"]]
    return found
