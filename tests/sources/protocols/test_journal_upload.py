from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.protocols import MalformedBodyError, journal_upload
from tests.sources.protocols.reading import NOW_NS, TERMS, errors_of, rows_of

pytestmark = pytest.mark.unit

US = NOW_NS // 1000


def exported(**fields) -> bytes:
    """Write an entry as systemd does: what has a newline, or is no text, in binary."""
    lines = []
    for name, value in fields.items():
        raw = value if isinstance(value, bytes) else str(value).encode()
        if b"\n" in raw or not raw.isascii():
            length = len(raw).to_bytes(8, "little")
            lines.append(name.encode() + b"\n" + length + raw)
        else:
            lines.append(name.encode() + b"=" + raw)
    return b"\n".join(lines) + b"\n\n"


ENTRY = exported(
    __CURSOR="s=1;i=2",
    __REALTIME_TIMESTAMP=US,
    PRIORITY=4,
    _HOSTNAME="web1",
    _SYSTEMD_UNIT="shop.service",
    SYSLOG_IDENTIFIER="shop",
    _PID=7,
    MESSAGE="stock is low",
)


def test_an_entry_becomes_a_line():
    decoded, fault = journal_upload.decode(ENTRY, TERMS)

    assert rows_of(decoded) == [
        {
            "ts_ns": NOW_NS,
            "line": "stock is low",
            "level": "warn",
            "labels": {"host": "web1", "unit": "shop.service", "identifier": "shop"},
            "field._PID": "7",
        }
    ]
    assert fault == ""


def test_binary_fields_may_hold_anything():
    message = "one\n\nA=b\n\ntwo é\n"
    body = ENTRY + exported(MESSAGE=message, DATA=b"\xff\n\n\x00") + ENTRY

    decoded, _ = journal_upload.decode(body, TERMS)

    assert [row["line"] for row in rows_of(decoded)] == [
        "stock is low",
        message,
        "stock is low",
    ]
    assert rows_of(decoded)[1]["field.DATA"] == "�\n\n\x00"


def test_the_senders_own_time_comes_first():
    body = exported(
        __REALTIME_TIMESTAMP=US, _SOURCE_REALTIME_TIMESTAMP=US - 5, MESSAGE="x"
    )

    assert rows_of(journal_upload.decode(body, TERMS)[0])[0]["ts_ns"] == NOW_NS - 5000


def test_a_body_is_cut_behind_its_last_whole_entry():
    binary = exported(MESSAGE="a\n\nb")
    body = ENTRY + binary + ENTRY[:-1]
    whole = len(ENTRY) + len(binary)

    assert journal_upload.last_end(body) == whole
    assert [journal_upload.last_end(body[:n]) for n in range(len(ENTRY), whole)] == [
        len(ENTRY)
    ] * len(binary)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (b"A=b\nNAME\n\x05\x00", "it ends inside a field."),
        (b"NAME\n" + bytes([1, 0, 0, 0, 0, 0, 0, 0]) + b"xyz\n\n", "not as long as it"),
        (b"no field\n12345678\n\n", "'no field' is no field."),
        (b"NAME\n" + b"\xff" * 8 + b"x\n\n", "it ends inside a field."),
    ],
)
def test_what_is_behind_a_fault_is_named(broken, error):
    decoded, fault = journal_upload.decode(ENTRY + broken, TERMS)

    [(place, text)] = errors_of(decoded)
    assert (decoded.batch.count, place, error in text) == (1, 1, True)
    assert fault == f"entry 1: {text}"


def test_a_body_of_another_kind_is_refused():
    with pytest.raises(MalformedBodyError, match="no journal export"):
        journal_upload.decode(b'{"a": 1}', TERMS)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(MalformedBodyError):
        journal_upload.decode(body, TERMS)

    assert 0 <= journal_upload.last_end(body) <= len(body)


names = st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"MESSAGE", "PRIORITY"}
)


@given(
    st.lists(st.dictionaries(names, st.text(max_size=20), max_size=3), max_size=4),
)
def test_what_systemd_writes_is_read(entries):
    body = b"".join(exported(MESSAGE="x", **entry) for entry in entries)

    decoded, fault = journal_upload.decode(body, TERMS)

    found = [
        {name: row[f"field.{name}"] for name in entry}
        for row, entry in zip(rows_of(decoded), entries, strict=True)
        if row["labels"] == {}
    ]
    assert (found, fault) == (entries, "")
