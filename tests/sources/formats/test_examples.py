from __future__ import annotations

import pytest

from sources.formats import FORMATS, preview
from tests.sources.formats.batches import RECEIVED_NS
from tests.sources.formats.lines import names, table

pytestmark = pytest.mark.unit

FEWEST = 10


def test_every_format_has_a_table():
    assert names() == sorted(FORMATS)


@pytest.mark.parametrize("name", names())
def test_a_table_has_at_least_ten_lines(name):
    assert len(table(name)) >= FEWEST


@pytest.mark.parametrize("name", names())
def test_a_format_reads_its_lines_as_the_table_says(name):
    rows = table(name)

    seen = preview([row.line for row in rows], name, received_ns=RECEIVED_NS)

    assert [(p.line, p.timestamp, p.level, p.matched, p.fields) for p in seen] == [
        (r.line, r.timestamp, r.level, r.matched, r.fields) for r in rows
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_recognises_its_own_example(name):
    example = FORMATS[name].example

    (seen,) = preview([example], name, received_ns=RECEIVED_NS)

    assert seen.matched
