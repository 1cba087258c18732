"""Syslog on real sockets."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest

from sources.connectors import Outcome
from sources.connectors.listen import datagrams
from sources.connectors.listen.datagrams import Datagrams, OneByOne
from tests.sources.connectors.listening import free_port
from tests.sources.tls_server import make_certificate

pytestmark = pytest.mark.unit

LOGGER = pytest.mark.skipif(shutil.which("logger") is None, reason="logger is missing")


def test_datagrams_become_lines(listen):
    one = listen(transport="udp", labels={"site": "b"})

    one.send(b"<13>Oct 10 13:55:36 web1 app: hello", b"<13>bye")

    rows = one.rows(2)
    assert [(r["line"], r["sender"], r["site"]) for r in rows] == [
        ("hello", "127.0.0.1", "b"),
        ("bye", "127.0.0.1", "b"),
    ]


def test_many_datagrams_are_read_at_once_and_in_order(listen):
    one = listen(transport="udp")
    messages = [b"<13>%d" % i for i in range(2000)]

    one.send(*messages)

    assert one.lines(2000) == [str(i) for i in range(2000)]


def test_without_the_system_s_call_they_are_read_one_by_one(listen, monkeypatch):
    monkeypatch.setattr(datagrams, "_recvmmsg", lambda: None)
    one = listen(transport="udp")
    assert isinstance(one.connector._datagrams._reader, OneByOne)

    one.send(b"<13>a", b"<13>b")

    assert [(r["line"], r["sender"]) for r in one.rows(2)] == [
        ("a", "127.0.0.1"),
        ("b", "127.0.0.1"),
    ]


def test_a_stream_is_cut_by_octets_and_by_newlines(listen):
    one = listen(transport="tcp")

    one.send_stream(b"5 <13>a", b"9 <13>bb", b"bb", b"b<13>c\n<13>un", b"finished")

    assert one.lines(4) == ["a", "bbbbb", "c", "unfinished"]


def test_one_source_listens_for_both(listen):
    port = free_port()
    one = listen(transport="udp+tcp", port=port)

    one.send(b"<13>datagram")
    lines = one.lines(1)
    one.send_stream(b"<13>stream\n")

    assert lines + one.lines(1) == ["datagram", "stream"]


def test_ipv6_is_listened_on(listen):
    one = listen(transport="udp", address="::1")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<13>six", ("::1", one.port))

    assert [(r["line"], r["sender"]) for r in one.rows(1)] == [("six", "::1")]


# --- Who may send, and how much ------------------------------------------------------------


def test_strangers_are_refused_and_counted(listen):
    one = listen(transport="udp+tcp", port=free_port(), allowed_networks=["10.0.0.0/8"])

    one.send(b"<13>no")
    assert "1 datagrams refused" in one.await_problem()
    with one.connect() as connection:
        assert connection.recv(1) == b""
    while "connections refused" not in one.connector.problem:
        one.poll()

    assert one.poll() is None


def test_no_more_connections_than_the_source_allows(listen):
    one = listen(transport="tcp", max_connections=1)
    with one.connect() as first:
        first.sendall(b"<13>first\n")
        assert one.lines(1) == ["first"]
        with one.connect() as second:
            assert second.recv(1) == b""

    assert "there were as many as the source allows" in one.await_problem()


def test_a_silent_connection_is_closed(listen):
    one = listen(transport="tcp", idle_seconds=0.01)

    with one.connect() as connection:
        assert connection.recv(1) == b""


def test_messages_that_are_too_long_are_left_out_and_counted(listen):
    one = listen(transport="udp+tcp", port=free_port(), max_message_bytes=480)

    one.send(b"<13>" + b"x" * 500, b"<13>short")
    lines = one.lines(1)
    one.send_stream(b"<13>" + b"x" * 500 + b"\n<13>short\n")
    harvest = one.harvest()

    assert lines + harvest.batch.table.column("line").to_pylist() == ["short"] * 2
    assert harvest.rejected == 1
    one.poll()
    assert "2 messages left out: they were longer" in one.connector.problem


def test_a_loss_is_shown_for_some_time(listen):
    one = listen(transport="udp", allowed_networks=["10.0.0.0/8"])
    one.send(b"<13>no")
    assert one.await_problem()

    one.send(b"<13>x")
    one.now += timedelta(minutes=30)
    one.connector._told = one.connector.losses.total
    one.poll()

    assert one.connector.problem == ""


# --- While nothing can be stored -----------------------------------------------------------


def test_what_is_refused_comes_again(listen):
    one = listen(transport="tcp")
    one.send_stream(b"<13>a\n")
    while (first := one.poll()) is None:
        one.woken.wait(0.05)
    one.connector.settle(Outcome.REFUSED, one.now)

    one.send_stream(b"<13>b\n")

    assert one.lines(2) == ["a", "b"]
    assert first.batch.count == 1


def send_until_it_waits(connection: socket.socket, data: bytes) -> int:
    """Return how many bytes were taken until none were."""
    connection.settimeout(0.2)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while True:
            sent += connection.send(data)
    return sent


def test_tcp_waits_while_nothing_is_stored(listen):
    one = listen(transport="tcp")
    one.connector.held.limit = 10_000
    line = b"<13>" + b"x" * 995 + b"\n"

    with one.connect() as connection:
        sent = send_until_it_waits(connection, line * 100)
        assert one.connector.held.size < 2_000_000
        connection.settimeout(20)
        connection.shutdown(socket.SHUT_WR)
        whole = sent // len(line)
        found = one.rows(whole + (sent % len(line) > 4))

    assert {r["line"] for r in found[:whole]} == {"x" * 995}
    assert one.connector.problem == ""


def test_datagrams_beyond_what_is_held_are_counted(listen):
    one = listen(transport="udp")
    one.connector.held.limit = 1

    one.send(b"<13>held")
    assert one.woken.wait(20)
    one.send(b"<13>lost", b"<13>lost")

    while one.connector.losses.total < 2:
        one.woken.wait(0.01)
    one.woken.clear()
    assert one.lines(1) == ["held"]
    one.poll()
    assert "2 datagrams lost" in one.connector.problem


# --- The end -------------------------------------------------------------------------------


def test_an_orderly_end_brings_in_what_is_on_its_way(listen):
    one = listen(transport="udp+tcp", port=free_port())
    with one.connect() as connection:
        connection.sendall(b"<13>stream\n")
        one.send(b"<13>datagram")

        assert one.connector.finish()

    assert sorted(one.lines(2)) == ["datagram", "stream"]
    assert one.poll() is None


def test_at_the_end_a_sender_hears_it_and_what_it_says_until_then_is_taken(listen):
    one = listen(transport="tcp")
    sent: list[bytes] = []
    with one.connect() as connection:
        connection.sendall(b"<13>0\n")
        assert one.lines(1) == ["0"]

        def go_on_until_it_hears() -> None:
            connection.setblocking(False)  # noqa: FBT003 - its name in the library
            while True:
                try:
                    connection.recv(1)
                except BlockingIOError:
                    sent.append(b"<13>%d\n" % (len(sent) + 1))
                    connection.send(sent[-1])
                else:
                    connection.close()
                    return

        sender = threading.Thread(target=go_on_until_it_hears)
        sender.start()
        one.connector.finish()
        sender.join()

    assert len(one.lines(len(sent))) == len(sent)


def test_at_the_end_who_was_not_accepted_yet_is_heard(listen):
    """To whoever connected, the system has acknowledged what it sent, accepted or not."""
    one = listen(transport="tcp")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(one.connect()) for _ in range(50)]
        for connection in connections:
            connection.sendall(b"".join(b"<13>%d\n" % i for i in range(20)))

        one.connector.finish()

    assert sorted(one.lines(1000)) == sorted(str(i % 20) for i in range(1000))


def test_at_the_end_is_read_what_was_left_unread_as_nothing_could_be_stored(listen):
    one = listen(transport="tcp")
    one.connector.held.limit = 10_000
    line = b"<13>" + b"x" * 995 + b"\n"
    with one.connect() as connection:
        sent = send_until_it_waits(connection, line * 100)
        one.connector.held.limit = 64 * 2**20

        one.connector.finish()

    whole = sent // len(line)
    found = one.lines(whole + (sent % len(line) > 4))
    assert set(found[:whole]) == {"x" * 995}


# --- TLS -----------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path, settings):
    settings.FILE_SOURCE_ROOTS = [tmp_path]
    path, _ = make_certificate(tmp_path, now=datetime.now(UTC), days=30)  # noqa: TID251 - OpenSSL's clock
    return path


def client(certificate, *, shows: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    if shows:
        context.load_cert_chain(certificate)
    return context


def test_tls_with_the_certificate_from_a_file(listen, certificate):
    one = listen(transport="tls", tls_certificate_file=str(certificate))
    with one.connect(client(certificate)) as connection:
        connection.sendall(b"10 <13>secret")

    assert one.lines(1) == ["secret"]


def test_tls_with_the_certificate_and_its_key_pasted(listen, certificate):
    pem = certificate.read_text()
    key, _, cert = pem.partition("-----BEGIN CERTIFICATE-----")
    config = {"tls_certificate": f"-----BEGIN CERTIFICATE-----{cert}", "tls_key": key}
    one = listen(transport="tls", **config)
    with one.connect(client(certificate)) as connection:
        connection.sendall(b"<13>secret\n")

    assert one.lines(1) == ["secret"]


def test_only_clients_of_the_ca_may_send(listen, certificate):
    path = str(certificate)
    one = listen(transport="tls", tls_certificate_file=path, tls_client_ca_file=path)
    with contextlib.suppress(OSError), one.connect(client(certificate)) as stranger:
        stranger.sendall(b"<13>no\n")
        stranger.recv(1)
    with one.connect(client(certificate, shows=True)) as known:
        known.sendall(b"<13>yes\n")

    assert one.lines(1) == ["yes"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "TLS needs a certificate"),
        ({"tls_certificate": "x", "tls_key": "y"}, "cannot be used"),
        ({"tls_certificate_file": "/etc/passwd"}, "outside the allowed directories"),
    ],
)
def test_a_certificate_that_is_no_good_is_told(listen, certificate, config, problem):
    one = listen(transport="tls", **config)
    one.poll()

    assert problem in one.connector.problem


# --- Places --------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_told_and_had_when_it_is_free(listen):
    first = listen(transport="tcp")
    second = listen(transport="tcp", port=first.port)
    second.poll()
    problem = second.connector.problem

    first.connector.close()
    second.now += timedelta(seconds=5)
    second.poll()
    second.send_stream(b"<13>mine now\n")

    assert "is taken by another program: choose another port" in problem
    assert second.lines(1) == ["mine now"]


def test_the_operator_says_where_sources_may_listen(listen, settings):
    settings.COLLECTOR_LISTEN_ADDRESSES = ["127.0.0.1"]
    one = listen(transport="udp", address="0.0.0.0")  # noqa: S104 - refused
    one.poll()

    assert (
        "Sources may not listen on 0.0.0.0; allowed: 127.0.0.1."
        in one.connector.problem
    )


def test_who_may_listen_everywhere_may_listen_somewhere(listen, settings):
    settings.COLLECTOR_LISTEN_ADDRESSES = ["0.0.0.0"]  # noqa: S104 - what is tested
    one = listen(transport="udp", address="127.0.0.1")
    one.send(b"<13>x")

    assert one.lines(1) == ["x"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open any port")
def test_a_privileged_port_is_told(listen):
    one = listen(transport="tcp", port=514)
    one.poll()

    assert "is privileged: choose one from 1024 on" in one.connector.problem


# --- Real senders --------------------------------------------------------------------------


@LOGGER
@pytest.mark.parametrize(
    ("transport", "options", "expected"),
    [
        ("udp", ["-d", "--rfc5424"], "rfc5424"),
        ("udp", ["-d", "--rfc3164"], "rfc3164"),
        ("tcp", ["-T", "--rfc5424", "--octet-count"], "rfc5424"),
        ("tcp", ["-T", "--rfc3164"], "rfc3164"),
    ],
)
def test_logger(listen, transport, options, expected):
    one = listen(transport=transport)
    command = ["logger", "-n", "127.0.0.1", "-P", str(one.port), "-t", "shop", "-p"]

    subprocess.run([*command, "auth.err", *options, "sold out"], check=True)

    (row,) = one.rows(1)
    assert (row["line"], row["app_name"], row["facility_keyword"], row["format"]) == (
        "sold out",
        "shop",
        "auth",
        expected,
    )
    assert row["severity"] == "3"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_python_s_handler(listen, transport):
    one = listen(transport=transport)
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    handler = logging.handlers.SysLogHandler(("127.0.0.1", one.port), socktype=kind)
    handler.append_nul = transport == "udp"
    handler.ident = "shop: "
    record = logging.makeLogRecord(
        {"msg": "sold out", "levelno": 40, "levelname": "ERROR"}
    )

    handler.emit(record)
    handler.close()

    (row,) = one.rows(1)
    assert (row["line"], row["severity"]) == ("shop: sold out", "3")
    assert isinstance(one.connector._datagrams, Datagrams) == (transport == "udp")
