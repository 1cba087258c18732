"""What a search finds, as a file: in NDJSON, CSV or plain text, piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import orjson

from accounts.scope import Scope
from monitoring.moments import iso_ns
from monitoring.services.log_exploring import pages_found
from monitoring.services.log_searches import Search
from monitoring.services.logs import LogRecord
from monitoring.services.presentation import line_json

# More lines than this are for the API's pages, or for the archive.
MAX_EXPORTED = 100_000
_PAGE = 5_000
_HEAD = ("timestamp", "level", "source", "line", "labels", "fields")


@dataclass(frozen=True, slots=True)
class Format:
    """How lines are written; `head` comes before the first one."""

    name: str
    title: str
    suffix: str
    content_type: str
    write: Callable[[Iterable[LogRecord]], bytes]
    head: bytes = b""


def _ndjson(records: Iterable[LogRecord]) -> bytes:
    return b"".join(orjson.dumps(line_json(each)) + b"\n" for each in records)


def _csv(records: Iterable[LogRecord]) -> bytes:
    return _rows(
        (
            iso_ns(each.timestamp_ns),
            each.level.word,
            each.source,
            each.line,
            orjson.dumps(each.labels).decode(),
            orjson.dumps(each.fields).decode(),
        )
        for each in records
    )


def _rows(rows: Iterable[tuple[str, ...]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode(errors="replace")


def _text(records: Iterable[LogRecord]) -> bytes:
    return "".join(f"{each.line}\n" for each in records).encode(errors="replace")


FORMATS = {
    each.name: each
    for each in (
        Format("ndjson", "NDJSON", "ndjson", "application/x-ndjson", _ndjson),
        Format("csv", "CSV", "csv", "text/csv; charset=utf-8", _csv, _rows([_HEAD])),
        Format("text", "Plain text", "log", "text/plain; charset=utf-8", _text),
    )
}


def export(
    scope: Scope,
    search: Search,
    form: Format,
    *,
    start_ns: int,
    end_ns: int,
    most: int = MAX_EXPORTED,
) -> Iterator[bytes]:
    """Return the file in pieces, newest lines first; the first one is made at once.

    Raises what `read_found` does: at once for what is wrong with the query.
    """
    pages = pages_found(
        scope, search, start_ns=start_ns, end_ns=end_ns, most=most, size=_PAGE
    )
    first = form.head + form.write(next(pages, []))
    return _pieces(first, pages, form)


def _pieces(
    first: bytes, pages: Iterator[list[LogRecord]], form: Format
) -> Iterator[bytes]:
    yield first
    for page in pages:
        yield form.write(page)
