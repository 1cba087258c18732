"""GELF on real sockets, sent byte by byte as its specification says."""

from __future__ import annotations

import gzip
import json
import ssl
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from monitoring.telemetry import Level
from tests.sources.connectors.listening import free_port
from tests.sources.tls_server import make_certificate

pytestmark = pytest.mark.unit


def message(text: str = "sold out", **more) -> bytes:
    body = {"version": "1.1", "host": "web1", "short_message": text, "level": 3}
    return json.dumps({**body, "timestamp": 1772366400.25, **more}).encode()


def chunks(packed: bytes, number: int, size: int = 20) -> list[bytes]:
    pieces = [packed[i : i + size] for i in range(0, len(packed), size)]
    head = b"\x1e\x0f" + number.to_bytes(8, "big")
    total = len(pieces)
    return [head + bytes([i, total]) + piece for i, piece in enumerate(pieces)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
def test_a_datagram_becomes_a_line(listen, pack):
    one = listen("gelf", transport="udp", labels={"site": "b"})

    one.send(pack(message(_order=7, _container_name="shop")))

    assert one.rows(1) == [
        {
            "line": "sold out",
            "ts_ns": 1772366400250000000,
            "level": Level.ERROR,
            "order": "7",
            "host": "web1",
            "container_name": "shop",
            "site": "b",
            "source": "net",
            "sender": "127.0.0.1",
        }
    ]


def test_chunks_are_put_together_in_any_order(listen):
    one = listen("gelf", transport="udp")
    first = chunks(gzip.compress(message("one")), 1)
    second = chunks(message("two"), 2)

    one.send(*reversed(first), *second)

    assert one.lines(2) == ["one", "two"]


def test_chunks_that_never_come_are_counted(listen):
    one = listen("gelf", transport="udp")
    one.send(*chunks(message("half"), 1)[:-1], message("whole"))
    assert one.lines(1) == ["whole"]

    one.now += timedelta(seconds=6)
    one.send(message("later"))
    assert one.lines(1) == ["later"]

    assert "1 messages left out of which not all chunks" in one.await_problem()


def test_a_stream_is_cut_at_its_nul_bytes(listen):
    one = listen("gelf", transport="tcp")

    one.send_stream(message("a") + b"\0" + message("b")[:9], message("b")[9:] + b"\0\0")

    assert one.lines(2) == ["a", "b"]


def test_tls(listen, tmp_path, settings):
    settings.FILE_SOURCE_ROOTS = [tmp_path]
    path, _ = make_certificate(tmp_path, now=datetime.now(UTC), days=30)  # noqa: TID251 - OpenSSL's clock
    one = listen("gelf", transport="tls", tls_certificate_file=str(path))

    with one.connect(ssl.create_default_context(cafile=str(path))) as connection:
        connection.sendall(message("secret") + b"\0")

    assert one.lines(1) == ["secret"]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"no JSON", "no JSON"),
        (b'{"host":"a"}', "short_message is required"),
        (b"\x1e\x0f12345678\x05\x02xx", "chunk 5 of 2"),
        (gzip.compress(message())[:-9], "ends too early"),
        (zlib.compress(b"x" * 10**6), "more than 65536 bytes unpacked"),
    ],
    ids=["no-json", "no-message", "chunk", "cut", "bomb"],
)
def test_what_is_no_gelf_is_counted_and_harms_no_other(listen, bad, why):
    one = listen("gelf", transport="udp+tcp", port=free_port())

    one.send(bad, message("good"))

    assert one.lines(1) == ["good"]
    problem = one.await_problem()
    assert "1 messages left out that are no GELF" in problem
    assert why in problem or why == "no JSON"


def test_senders_stand_beside_the_lines_that_are_theirs(listen):
    one = listen("gelf", transport="tcp")

    one.send_stream(b"broken\0" + message("good") + b"\0")

    assert [(r["line"], r["sender"]) for r in one.rows(1)] == [("good", "127.0.0.1")]
