from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store import log_search, stored_text
from monitoring.store.line_templates import REST, Slot
from monitoring.store.stored_text import StoredText
from monitoring.telemetry import LineFilter, LineOp

pytestmark = pytest.mark.unit


def text_of(lines, **fields) -> pa.Table:
    columns = {"line": lines, **{f"field.{n}": values for n, values in fields.items()}}
    return pa.table({n: pa.array(c, pa.large_string()) for n, c in columns.items()})


def stored(table: pa.Table) -> StoredText:
    return StoredText.decode(pa.py_buffer(stored_text.encode(table)))


def access_log(count: int, *, odd: int = 0) -> pa.Table:
    """Lines as servers write them, the last `odd` of them in no format."""
    clients = [f"10.0.{n % 7}.{n % 250}" for n in range(count)]
    users = ["zoë" if n % 5 == 0 else None for n in range(count)]
    paths = [f"/shop/item-{n % 13}?id={n * 7919}" for n in range(count)]
    statuses = [("200", "404", "503")[n % 3] for n in range(count)]
    agents = [f"agent/{n % 3}.0 (x)" if n % 4 else None for n in range(count)]
    lines = [
        f"{client} - {user or '-'} [21/Nov/2026:10:00:{n % 60:02d} +0000] "
        f'"GET {path}" {status} "{agent or "-"}"'
        for n, (client, user, path, status, agent) in enumerate(
            zip(clients, users, paths, statuses, agents, strict=True)
        )
    ]
    columns = {
        "client": clients,
        "user": users,
        "path": paths,
        "status": statuses,
        "agent": agents,
    }
    for n in range(count - odd, count):
        lines[n] = f"broken line {n}"
        for values in columns.values():
            values[n] = None
    return text_of(lines, **columns)


@pytest.mark.parametrize("odd", [0, 3])
def test_lines_of_a_format_are_stored_as_their_fields(odd):
    table = access_log(60, odd=odd)

    found = stored(table)

    assert found.template is not None
    assert found.template.slots == (
        Slot("field.client"),
        Slot("field.user", "-"),
        Slot(REST),
        Slot("field.path"),
        Slot("field.status"),
        Slot("field.agent", "-"),
    )
    kept = 0 if odd == 0 else found.count - found.columns["line"].is_null().sum()
    assert kept == odd
    assert found.table(None).equals(table)


def test_lines_that_their_fields_do_not_explain_are_stored_as_they_are():
    table = text_of([f"line {n * n}" for n in range(20)], user=["u"] * 20)

    found = stored(table)

    assert found.template is None
    assert found.table(None).equals(table)


def test_json_lines_are_stored_as_their_fields():
    users = [f"user {n % 4}" for n in range(40)]
    codes = [str(n % 9) for n in range(40)]
    lines = [
        f'{{"ts":{1763712000 + n},"level":"info","user":"{user}","code":{code}}}'
        for n, (user, code) in enumerate(zip(users, codes, strict=True))
    ]
    table = text_of(lines, user=users, code=codes)

    found = stored(table)

    assert "line" not in found.columns
    assert found.table(None).equals(table)


def test_only_some_rows_are_put_together():
    table = access_log(60, odd=3)
    rows = np.array([58, 2, 17])

    found = stored(table)

    assert found.lines(rows).to_pylist() == [
        table.column("line")[n].as_py() for n in rows.tolist()
    ]
    assert found.table(["field.path", "field.nosuch"], rows).to_pydict() == {
        "field.path": [table.column("field.path")[n].as_py() for n in rows.tolist()]
    }


WORD = st.text("ab-é ", max_size=3)
VALUE = st.none() | st.sampled_from(["a", "b", "ab", "-", "x y", "é", "10", "1"])
ROW = st.tuples(VALUE, VALUE, VALUE)


@given(
    literals=st.tuples(WORD, WORD, WORD, WORD),
    rows=st.lists(ROW, min_size=1, max_size=30),
    odd=st.dictionaries(st.integers(0, 29), st.text("ab-é", max_size=4), max_size=3),
    rest=st.booleans(),
)
def test_whatever_is_stored_is_read_again(literals, rows, odd, rest):
    lines = [
        "".join(
            literal + (value or "-")
            for literal, value in zip(literals, row, strict=False)
        )
        + literals[-1]
        + (str(n) if rest else "")
        for n, row in enumerate(rows)
    ]
    lines = [odd.get(n, line) for n, line in enumerate(lines)]
    table = text_of(lines, **{str(n): [r[n] for r in rows] for n in range(3)})

    found = stored(table)

    assert found.lines().to_pylist() == lines
    for name in table.column_names[1:]:
        if table.column(name).null_count < len(table):
            assert found.table([name]).column(name).equals(table.column(name))


NEEDLES = [
    "item-1", "id=7919", '" 503', "GET /shop", "zoë", "zo", "- -", "-", "2026", "broken",
    "line 59", '503 "agent/1', "10:00:07 +0000", "/shop/item-3?id=", "absent", "x)", "0.3.",
]  # fmt: skip
EXPRESSIONS = [
    "item-[0-9]+",
    "503 .agent",
    "zoë|broken",
    "(?i)ITEM-1",
    "GET.*404",
    ".*",
]


@pytest.mark.parametrize(
    "table", [access_log(60), access_log(60, odd=3)], ids=["", "odd"]
)
@pytest.mark.parametrize(
    "filters",
    [
        *([LineFilter(LineOp.CONTAINS, (needle,))] for needle in NEEDLES),
        *([LineFilter(LineOp.NOT_CONTAINS, (needle,))] for needle in NEEDLES[:3]),
        *([LineFilter(LineOp.MATCHES, (pattern,))] for pattern in EXPRESSIONS),
        [LineFilter(LineOp.CONTAINS, ("item-1", "zoë"))],
        [
            LineFilter(LineOp.CONTAINS, ("item-1",)),
            LineFilter(LineOp.NOT_MATCHES, ("zoë|404",)),
        ],
    ],
    ids=lambda filters: " ".join(f"{f.op}{f.values}" for f in filters),
)
def test_a_search_in_the_fields_finds_what_a_search_in_the_lines_does(table, filters):
    found = stored(table).passing(filters, np.ones(60, np.bool_))

    lines = table.column("line").combine_chunks()
    assert found.tolist() == np.flatnonzero(log_search.passing(lines, filters)).tolist()


def test_what_only_a_field_of_an_odd_line_says_is_not_found_in_its_text():
    table = access_log(60, odd=1)
    client = [*table.column("field.client").to_pylist()[:-1], "192.0.2.99"]
    place = table.column_names.index("field.client")
    table = table.set_column(place, "field.client", pa.array(client, pa.large_string()))
    needle = [LineFilter(LineOp.CONTAINS, ("192.0.2.99",))]

    found = stored(table)

    assert found.template is not None
    assert found.passing(needle, np.ones(60, np.bool_)).tolist() == []


@pytest.mark.parametrize(
    ("filters", "put_together"),
    [
        pytest.param([LineFilter(LineOp.CONTAINS, ('?id=7919"',))], [], id="a_text"),
        pytest.param(
            [LineFilter(LineOp.MATCHES, ('GET .*[?]id=7919[0-9]?" 40[34]',))],
            [[1, 10]],
            id="an_expression",
        ),
    ],
)
def test_few_lines_are_put_together(monkeypatch, filters, put_together):
    asked = []
    lines = StoredText.lines
    monkeypatch.setattr(
        StoredText,
        "lines",
        lambda self, rows=None: asked.append(rows) or lines(self, rows),
    )

    found = stored(access_log(60)).passing(filters, np.ones(60, np.bool_))

    assert found.tolist()[0] == 1
    assert [rows.tolist() for rows in asked] == put_together


def test_rows_that_are_not_asked_for_are_not_found():
    within = np.arange(60) < 30
    pattern = [LineFilter(LineOp.MATCHES, ("item-1",))]

    found = stored(access_log(60)).passing(pattern, within)

    lines = access_log(60).column("line").to_pylist()[:30]
    assert found.tolist() == [
        n for n, line in enumerate(lines) if re.search("item-1", line)
    ]
