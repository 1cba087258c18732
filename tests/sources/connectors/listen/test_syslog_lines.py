"""What is read out of messages of syslog."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry import Level, nanoseconds
from sources.connectors.listen.admission import AdmittedStreams
from sources.connectors.listen.held import Losses
from sources.connectors.listen.syslog_lines import batch_of, texts_of_datagrams
from tests.sources.connectors.listening import rows_of

pytestmark = pytest.mark.unit

NOW = datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC)


def read(*messages: bytes, zone: str = "UTC"):
    lines, senders = texts_of_datagrams(messages, ["10.0.0.9"] * len(messages))
    batch = batch_of(lines, senders, nanoseconds(NOW), ZoneInfo(zone), {"source": "s"})
    return rows_of(batch)


def at(*parts: int) -> int:
    return nanoseconds(datetime(*parts, tzinfo=UTC))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            b'<165>1 2026-10-10T13:55:36.003Z web1 orders 812 ID47 [m@1 a="x" b="\\"\\]"]'
            b'[o n="1"] accepted\nand more',
            {
                "line": "accepted\nand more",
                "ts_ns": at(2026, 10, 10, 13, 55, 36, 3000),
                "level": Level.INFO,
                "hostname": "web1",
                "app_name": "orders",
                "proc_id": "812",
                "msg_id": "ID47",
                "priority": "165",
                "severity": "5",
                "facility": "20",
                "facility_keyword": "local4",
                "m@1.a": "x",
                "m@1.b": '"]',
                "o.n": "1",
                "format": "rfc5424",
            },
            id="rfc5424",
        ),
        pytest.param(
            b"<14>1 - - - - - - \xef\xbb\xbfhello",
            {"line": "hello", "hostname": "10.0.0.9", "format": "rfc5424"},
            id="nothing_but_a_message",
        ),
        pytest.param(
            b"<38>Oct  1 13:55:36 web1 sshd[812]: Accepted publickey",
            {
                "line": "Accepted publickey",
                "ts_ns": at(2026, 10, 1, 13, 55, 36),
                "hostname": "web1",
                "app_name": "sshd",
                "proc_id": "812",
                "facility_keyword": "auth",
                "format": "rfc3164",
            },
            id="rfc3164",
        ),
        pytest.param(
            b"<30>2026-11-21T17:00:00.5+01:00 h rsys[1]: forwarded",
            {"line": "forwarded", "ts_ns": at(2026, 11, 21, 16, 0, 0, 500_000)},
            id="forwarded_by_rsyslog",
        ),
        pytest.param(
            b"<13>Oct 10 13:55:36 app: hello: x",
            {"line": "hello: x", "app_name": "app", "hostname": "10.0.0.9"},
            id="no_host",
        ),
        pytest.param(
            b"<13>Oct 10 13:55:36 fe80::1 app: hello",
            {"line": "hello", "app_name": "app", "hostname": "fe80::1"},
            id="host_is_an_address",
        ),
        pytest.param(
            b"<13>Oct 10 13:55:36 web1 no tag here",
            {"line": "no tag here", "hostname": "web1"},
            id="no_tag",
        ),
        pytest.param(
            b"<187>29: *Mar  1 00:00:00: %SYS-3-X: down",
            {"line": "29: *Mar  1 00:00:00: %SYS-3-X: down", "level": Level.ERROR},
            id="cisco",
        ),
        pytest.param(
            b"<14>from Python\0", {"line": "from Python"}, id="priority_alone"
        ),
        pytest.param(b"<999>x", {"line": "x"}, id="no_such_priority"),
        pytest.param(b"\xff no syslog", {"line": "\ufffd no syslog"}, id="no_syslog"),
        pytest.param(
            b"<11>Dec 31 23:59:59 h a: late",
            {"line": "late", "ts_ns": at(2026, 12, 31, 23, 59, 59)},
            id="last_year",
        ),
    ],
)
def test_a_message_is_taken_apart(message, expected):
    (row,) = read(message)

    assert {name: row.get(name) for name in expected} == expected
    assert (row["sender"], row["source"]) == ("10.0.0.9", "s")


def test_times_without_a_zone_are_in_that_of_the_source():
    (row,) = read(b"<38>Oct 10 13:55:36 h a: x", zone="Europe/Berlin")

    assert row["ts_ns"] == at(2026, 10, 10, 11, 55, 36)


def test_a_datagram_may_hold_several_messages_and_a_message_several_lines():
    rows = read(b"<13>one\nmore\n<13>two", b"plain one\nplain two\n", b"\n\n")

    assert [r["line"] for r in rows] == ["one\nmore", "two", "plain one", "plain two"]


@given(
    st.lists(
        st.binary(max_size=80).filter(lambda b: b.strip(b"\r\n\0 \t\x0b\x0c")),
        max_size=5,
    )
)
def test_whatever_comes_becomes_a_line(messages):
    kept = [m.replace(b"\n", b" ") for m in messages]
    kept = [m for m in kept if m.decode("utf-8", "replace").strip()]
    rows = read(*kept, b"<13>last")

    assert len(rows) == len(kept) + 1
    assert rows[-1]["line"] == "last"


def test_streams_beyond_the_limit_keep_their_names_as_fields():
    losses = Losses()
    streams = AdmittedStreams({"source": "s"}, losses, most=2)
    messages = [b"<13>Oct 10 13:55:36 h%d app: %d" % (i % 4, i) for i in range(8)]
    lines, senders = texts_of_datagrams(messages, ["10.0.0.9"] * 8)
    batch = batch_of(lines, senders, nanoseconds(NOW), UTC, {"source": "s"})

    bounded = streams.bound(batch)

    assert bounded.streams == (
        (("app_name", "app"), ("hostname", "h0"), ("source", "s")),
        (("app_name", "app"), ("hostname", "h1"), ("source", "s")),
        (("source", "s"),),
    )
    assert rows_of(bounded) == rows_of(batch)
    assert losses.total == 4
    assert streams.bound(bounded).streams == bounded.streams


def test_a_name_that_no_label_can_be_is_left_out_of_the_stream():
    lines = pa.array(["<13>1 - " + "h" * 3000 + " a - - - x"], pa.large_string())

    batch = batch_of(lines, pa.array(["1.2.3.4"], pa.large_string()), 0, UTC, {})

    assert batch.streams == ((("app_name", "a"),),)
