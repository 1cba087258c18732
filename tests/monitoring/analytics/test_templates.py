from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitoring import logql
from monitoring.analytics.masking import MAX_BYTES, masked
from monitoring.analytics.sampling import sample
from monitoring.analytics.templates import MAX_WORDS, Miner
from monitoring.telemetry import Level, LogChunk

pytestmark = pytest.mark.unit


def mask(line: str) -> str:
    [found] = masked(pa.array([line], pa.large_string())).to_pylist()
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("took 17 ms", "took <_> ms"),
        ("took 17.5ms of -3%", "took <_> of <_>"),
        ("from 10.0.0.1:8080 to fe80::1", "from <_> to <_>"),
        ("from fe80:0:0:1:2:3:4:5", "from <_>"),
        ("id=3f2b8c1e-0d4a-4f6b-9c1d-2e3f4a5b6c7d", "id=<_>"),
        ("trace deadbeefcafe", "trace <_>"),
        ("commit 9fceb02", "commit <_>"),
        ("GET /api/v1/users?id=7 HTTP/1.1", "GET <_> HTTP/<_>"),
        ("open https://example.org/a/b failed", "open <_> failed"),
        ("2026-03-01T12:00:00.123Z started", "<_> started"),
        ("[10/Oct/2026:13:55:36 +0000] ok", "[<_>] ok"),
        ("Oct 11 22:14:15 host sshd[4711]: bye", "<_> host sshd[<_>]: bye"),
        ("mail to ada@example.org", "mail to <_>"),
        ("first\n  at second\n  at third", "first<_>"),
        ("no change at all", "no change at all"),
        ("", ""),
    ],
)
def test_what_changes_from_line_to_line_is_masked(line, expected):
    assert mask(line) == expected


def test_a_long_line_is_cut():
    assert mask("ä " * MAX_BYTES).endswith("ä <_>")
    assert len(mask("ä " * MAX_BYTES)) < MAX_BYTES + 5


SSH = [
    "Failed password for root from 10.0.0.1 port 4711 ssh2",
    "Failed password for admin from 10.0.0.2 port 4712 ssh2",
    "Accepted publickey for ada from 10.0.0.3 port 22 ssh2",
]
LOGFMT = [
    'level=info ts=2026-03-01T12:00:00Z msg="request done" user=ada took=3ms',
    'level=info ts=2026-03-01T12:00:01Z msg="request done" user=bob took=4ms',
]
JSON = [
    '{"level":"warn","msg":"disk is 91% full","host":"web"}',
    '{"level":"warn","msg":"disk is 92% full","host":"db"}',
]
ACCESS = [
    '10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /a/b HTTP/1.1" 200 12 "-" "curl/8.1"',
    '10.0.0.2 - - [10/Oct/2026:13:55:37 +0000] "GET /c/d HTTP/1.1" 500 99 "-" "curl/8.2"',
]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            SSH,
            [
                "Failed password for <_> from <_> port <_> <_>",
                "Accepted publickey for ada from <_> port <_> <_>",
            ],
        ),
        (LOGFMT, ['level=info ts=<_> msg="request done" user=<_> took=<_>']),
        (JSON, ['{"level":"warn","msg":"disk is <_> full","host":"<_>"}']),
        (ACCESS, ['<_> - - [<_>] "GET <_> HTTP/<_>" <_> <_> "-" "curl/<_>"']),
        (["a b c", "a b c"], ["a b c"]),
        (["", ""], [""]),
        (["(a) b", "[a] b"], ["(a) b", "[a] b"]),
    ],
)
def test_lines_of_a_kind_share_a_template(lines, expected):
    miner = Miner()

    numbers = [miner.add(mask(line)) for line in lines]

    assert [miner.template(n) for n in dict.fromkeys(numbers)] == expected


@pytest.mark.parametrize("lines", [SSH, LOGFMT, JSON, ACCESS])
def test_a_template_finds_its_lines_in_logql(lines):
    miner = Miner()
    numbers = [miner.add(mask(line)) for line in lines]
    chunk = LogChunk(
        stream=(),
        ts_ns=np.arange(len(lines)),
        levels=np.zeros(len(lines), np.int8),
        lines=pa.array(lines, pa.large_string()),
        fields={},
    )

    for number in set(numbers):
        pattern = miner.template(number).replace("`", "")
        passed = logql.compile_pipeline(f"|> `{pattern}`").run(chunk)

        assert passed.rows.tolist() == [r for r, n in enumerate(numbers) if n == number]


def test_a_template_read_back_is_the_same():
    miner = Miner()
    for line in (*SSH, *LOGFMT, *JSON, *ACCESS):
        number = miner.add(mask(line))
        text = miner.template(number)
        again = Miner()

        assert again.template(again.add(text)) == text


def test_a_line_of_many_words_is_cut():
    miner = Miner()
    text = miner.template(miner.add("a " * 1000))

    assert text == "a " * (MAX_WORDS - 1) + "<_>"


def test_a_small_batch_is_taken_whole():
    chosen = sample(np.zeros(5, np.int64), np.zeros(5, np.int8), most=5)

    assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
    assert chosen.weights.tolist() == [1] * 5


def test_a_sample_has_each_stream_and_its_errors():
    streams = np.array([0] * 9000 + [1] * 990 + [2] * 10)
    levels = np.full(10_000, int(Level.INFO), np.int8)
    levels[4321] = int(Level.ERROR)

    chosen = sample(streams, levels, most=100)

    assert set(streams[chosen.rows].tolist()) == {0, 1, 2}
    assert 4321 in chosen.rows
    assert len(chosen.rows) <= 110
    assert chosen.weights.sum() == pytest.approx(10_000)
    assert np.array_equal(chosen.rows, np.sort(chosen.rows))
