"""Pushes straight from their connections: answered as daphne would have answered them."""

from __future__ import annotations

import contextlib
import re
import socket
import time

import pytest
from daphne.http_protocol import HTTPFactory

from sources.ingest import channel
from sources.models import InboxBatch
from tests.factories.accounts import make_token
from tests.sources.ingest.conftest import inner

pytestmark = pytest.mark.integration

LINE = b'{"line":"hello"}'
SECONDS = 10


class Connection:
    """A client's end, byte by byte."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def say(self, *pieces: bytes) -> Connection:
        """Send the pieces so far apart that each is received alone."""
        for place, piece in enumerate(pieces):
            time.sleep(0.02 if place else 0)
            self._socket.sendall(piece)
        return self

    def hear(self) -> tuple[int, dict[str, str], bytes]:
        """Return one answer: status, headers and body."""
        head = self._until(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        size = int(headers.get("content-length", 0))
        if headers.get("transfer-encoding") == "chunked":
            return int(status.split()[1]), headers, self._chunks()
        while len(self._unread) < size:
            self._more()
        body, self._unread = self._unread[:size], self._unread[size:]
        return int(status.split()[1]), headers, body

    def is_closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            return self._socket.recv(1) == b""
        return True

    def close(self) -> None:
        self._socket.close()

    def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._until(b"\r\n"), 16)
            chunk = self._until(b"\r\n")
            if not size:
                return body
            body += chunk

    def _until(self, end: bytes) -> bytes:
        while end not in self._unread:
            self._more()
        found, _, self._unread = self._unread.partition(end)
        return found

    def _more(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("closed")
        self._unread += received


@pytest.fixture
def token(cast):
    return make_token(cast.acme, "ingest")


@pytest.fixture
def push(token):
    """Makes one push; `headers` are given besides, or instead of those of that name."""

    def make(body: bytes = LINE, *, path="/api/v1/logs", version="1.1", **headers):
        given = {
            "Host": "edge",
            "Authorization": f"Bearer {token}",
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{n}: {v}" for n, v in given.items() if v is not None]
        return (
            "\r\n".join([f"POST {path} HTTP/{version}", *lines, "\r\n"]).encode() + body
        )

    return make


@pytest.fixture
def connect(daphne):
    """Opens connections to the server; they are closed after the test."""
    with contextlib.ExitStack() as opened:

        def open_one() -> Connection:
            connection = Connection(daphne.address)
            opened.callback(connection.close)
            return connection

        yield open_one


@pytest.fixture
def only_daphne(daphne, edge):
    daphne.application = edge


@pytest.fixture
def take_connections(daphne, edge, monkeypatch):
    """From its call on the channel alone reaches the edge: daphne's answers are 299."""

    def take():
        monkeypatch.setattr(HTTPFactory, "buildProtocol", HTTPFactory.buildProtocol)
        channel.take_connections(edge)
        daphne.application = inner

    return take


@pytest.fixture
def only_channel(take_connections):
    take_connections()


def lines() -> int:
    return sum(InboxBatch.objects.values_list("count", flat=True))


def test_a_push_is_answered_without_daphne(only_channel, connect, push):
    status, headers, body = connect().say(push()).hear()

    assert (status, body) == (202, b'{"accepted":1,"rejected":[]}')
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} gmt", headers["date"])
    assert lines() == 1


def test_a_connection_brings_many_pushes(only_channel, connect, push):
    connection = connect()

    answers = [connection.say(push()).hear()[0] for _ in range(3)]

    assert answers == [202, 202, 202]
    assert lines() == 3


def test_pushes_that_come_together_are_answered_in_their_order(
    only_channel, connect, push
):
    both = push() + push(b"") + push(path="/prometheus/api/v1/write")

    connection = connect().say(both)

    assert [connection.hear()[0] for _ in range(3)] == [202, 400, 400]


def test_a_body_may_come_in_pieces(only_channel, connect, push):
    body = b"\n".join([LINE] * 1000)
    sent = push(body)
    head = len(sent) - len(body)
    pieces = (sent[: head + 1], sent[head + 1 : 9000], sent[9000:-1], sent[-1:])

    assert connect().say(*pieces).hear()[0] == 202
    assert lines() == 1000


def test_two_pushes_may_come_in_any_pieces(only_channel, connect, push):
    both = push() + push()
    head = len(push()) - 3

    for place in range(head, len(both) - len(LINE), 29):
        connection = connect().say(both[:place], both[place:])
        answers = [connection.hear()[0] for _ in range(2)]
        # A head that is cut is daphne's.
        assert answers in ([202, 202], [202, 299])


def test_a_head_in_pieces_is_daphne_s(only_channel, connect, push):
    sent = push()

    assert connect().say(sent[:20], sent[20:]).hear()[0] == 299


def test_what_is_no_push_is_daphne_s_and_so_is_what_follows(
    only_channel, connect, push
):
    connection = connect().say(push())
    first = connection.hear()[0]
    connection.say(b"GET /logs HTTP/1.1\r\nHost: edge\r\n\r\n")
    second = connection.hear()[0]

    assert (first, second) == (202, 299)
    assert connection.say(push()).hear()[0] == 299


UNUSUAL = {
    "of an older version": {"version": "1.0"},
    "that ends the connection": {"Connection": "close"},
    "that expects to be told to go on": {"Expect": "100-continue"},
    "in chunks": {
        "Transfer-Encoding": "chunked",
        "Content-Length": None,
        "body": b"10\r\n" + LINE + b"\r\n0\r\n\r\n",
    },
    "without a length": {"Content-Length": None},
    "with a length that is none": {"Content-Length": "many"},
    "with a negative length": {"Content-Length": "-1"},
    "with a name that hides another": {"Content_Length": "5"},
    "with a letter that is not ASCII": {"X-Name": "é"},
    "larger than is kept in memory": {"body": b"\n".join([LINE] * 20_000)},
    "to the pages": {"path": "/logs"},
    "to a whole address": {"path": "http://edge/api/v1/logs"},
    "with a space in its name": {"X Name": "1"},
    "that wants another protocol": {"Upgrade": "h2c", "Connection": "Upgrade"},
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_a_push_is_daphne_s(only_channel, connect, push, what):
    sent = push(**{"body": LINE, **UNUSUAL[what]})

    with contextlib.suppress(ConnectionError):
        connection = connect().say(sent)
        assert connection.hear()[0] != 202
    assert lines() == 0


def test_a_length_that_is_given_twice_is_daphne_s(only_channel, connect, push):
    sent = push().replace(b"Host: edge", b"content-length: 16")

    with contextlib.suppress(ConnectionError):
        assert connect().say(sent).hear()[0] != 202
    assert lines() == 0


PUSHES = {
    "good": {},
    "kept alive": {"Connection": "keep-alive"},
    "empty": {"body": b""},
    "malformed": {"body": b"{"},
    "without a token": {"Authorization": None},
    "with another's token": {"Authorization": "Bearer nobody's"},
    "of an unknown encoding": {"Content-Encoding": "rot13"},
    "to a source that does not exist": {"path": "/api/v1/logs?source=none"},
    "with an unknown parameter": {"path": "/api/v1/logs?a=b"},
    "to an escaped path": {"path": "/api/v1/lo%67s"},
    "of samples that are none": {"path": "/api/v1/write", "Content-Type": "text/html"},
}


@pytest.mark.parametrize("what", PUSHES)
def test_the_answer_is_the_one_of_daphne(
    only_daphne, take_connections, connect, push, what
):
    sent = push(**{"body": LINE, **PUSHES[what]})
    theirs = connect().say(sent).hear()
    take_connections()
    ours = connect().say(sent).hear()

    assert comparable(ours) == comparable(theirs)


def comparable(answer):
    """Without what says how the body was sent, and when."""
    status, headers, body = answer
    hidden = {"date", "server", "transfer-encoding", "content-length"}
    return status, {n: v for n, v in headers.items() if n not in hidden}, body


def test_whoever_leaves_in_the_middle_has_sent_nothing(only_channel, connect, push):
    connection = connect().say(push()[:-1])
    connection.close()

    assert connect().say(push()).hear()[0] == 202
    assert lines() == 1


def test_whoever_says_nothing_is_let_go(only_channel, connect, push, monkeypatch):
    monkeypatch.setattr(channel, "IDLE_SECONDS", 0.3)
    silent = connect()
    slow = connect().say(push()[:-1])

    assert silent.is_closed()
    assert slow.is_closed()


def test_a_connection_is_given_away_behind_another_protocol_too(
    only_channel, daphne, push
):
    """As TLS and a proxy's greeting are."""
    with daphne.wrapped() as address, contextlib.closing(Connection(address)) as one:
        first = one.say(push()).hear()[0]
        second = one.say(b"GET /logs HTTP/1.1\r\nHost: edge\r\n\r\n").hear()[0]
        third = one.say(push()).hear()[0]

    assert (first, second, third) == (202, 299, 299)


def test_an_error_of_ours_ends_neither_the_connection_nor_the_server(
    only_channel, connect, push, edge, monkeypatch
):
    connection = connect()

    async def fail(_asked, _receive):
        raise RuntimeError("on purpose")

    with monkeypatch.context() as broken:
        broken.setattr(edge, "answer", fail)
        failed = connection.say(push()).hear()
    again = connection.say(push()).hear()

    assert (failed[0], failed[2]) == (500, b"Internal Server Error\n")
    assert again[0] == 202
