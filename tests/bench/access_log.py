"""Access lines of a shop of our own making, as web servers write them, in bulk.

Clients and pages are visited as unevenly as on real sites (Zipf), sizes are log-normal,
half of the requests carry an id that hardly comes again; lines have 140 bytes on
average. The same on every run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Lines a second of the whole site; a million lines are about an hour and a half.
RATE = 200
# Streams they come in, and alert patterns armed while they do.
HOSTS, PATTERNS = 8, 50
SECTIONS = "shop account search cart checkout blog static api admin help".split()  # noqa: SIM905
THINGS = "red blue lamp chair table desk sofa shelf green oak".split()  # noqa: SIM905
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/{}.0",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/{}.0",
    "Mozilla/5.0 (iPhone) Mobile/{}E148",
    "curl/8.{}.0",
)


def access_lines(
    count: int, *, seed: int, end_ns: int
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], pa.Array]:
    """Return times, ascending up to `end_ns`, and the lines."""
    rng = np.random.default_rng(seed)
    # What exists is the same for every seed; only the visits differ.
    clients, pages, agents = _clients(), _pages(), _agents()
    ts_ns = end_ns - np.sort(rng.integers(0, count * 10**9 // RATE, count))[::-1]
    client = (rng.zipf(1.2, count) - 1) % len(clients)
    page = (rng.zipf(1.3, count) - 1) % len(pages)
    no_id, no_referer = rng.random(count) < 0.5, rng.random(count) < 0.7
    number = pc.binary_join_element_wise(
        _text("?id="), _strings(rng.integers(0, 10**6, count)), _text("")
    )
    statuses = _array(["200"] * 85 + ["304"] * 6 + ["404"] * 7 + ["500", "503"])
    methods = _array(["GET"] * 9 + ["POST"])
    parts = [
        clients.take(pa.array(client)),
        _text(" - - ["),
        _stamps(ts_ns),
        _text('] "'),
        methods.take(pa.array(rng.integers(0, 10, count))),
        _text(" "),
        pages.take(pa.array(page)),
        pc.if_else(pa.array(no_id), _text(""), number),
        _text(' HTTP/1.1" '),
        statuses.take(pa.array(rng.integers(0, 100, count))),
        _text(" "),
        _strings(np.exp(rng.normal(8, 1.5, count)).astype(np.int64)),
        _text(' "'),
        pc.if_else(
            pa.array(no_referer),
            _text("-"),
            pages.take(pa.array(page * 31 % len(pages))),
        ),
        _text('" "'),
        agents.take(pa.array(client * 7919 % len(agents))),
        _text('"'),
    ]
    return ts_ns, pc.binary_join_element_wise(*parts, _text(""))


def _clients() -> pa.Array:
    numbers = np.random.default_rng(1).integers(1, 255, (20_000, 4)).tolist()
    return _array([".".join(map(str, four)) for four in numbers])


def _pages() -> pa.Array:
    picks = np.random.default_rng(2).integers(0, 10, (3_000, 4)).tolist()
    return _array(
        [
            "/" + "/".join([SECTIONS[s], f"{THINGS[a]}-{THINGS[b]}-{THINGS[c]}"])
            for s, a, b, c in picks
        ]
    )


def _agents() -> pa.Array:
    return _array([AGENTS[n % 4].format(90 + n // 6) for n in range(300)])


def _stamps(ts_ns: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    seconds, place = np.unique(ts_ns // 10**9, return_inverse=True)
    moments = pa.array(seconds, pa.timestamp("s", "UTC"))
    stamps = pc.strftime(moments, format="%d/%b/%Y:%H:%M:%S +0000", locale="C")
    return stamps.cast(pa.large_string()).take(pa.array(place))


def _array(values: list[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


def _strings(numbers: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    return pa.array(numbers).cast(pa.large_string())


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())
