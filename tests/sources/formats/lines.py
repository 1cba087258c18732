"""Reads the tables of lines: what a line is, and what the parser must see in it.

> a line as it is in the log
| its next physical line, of the same event
= time level             (time `-`: none; `unmatched` behind: not of the format)
  field: value           (as JSON when it begins with a quote)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import orjson

TABLES = Path(__file__).parent / "examples"


@dataclass
class Expected:
    line: str
    timestamp: str | None = None
    level: str = ""
    matched: bool = True
    fields: dict[str, str] = field(default_factory=dict)


def names():
    return sorted(path.stem for path in TABLES.glob("*.txt"))


def table(name):
    """Return the rows of one format's table."""
    rows = []
    for text in (TABLES / f"{name}.txt").read_text().split("\n"):
        mark, rest = text[:2], text[2:]
        if mark == "> ":
            rows.append(Expected(rest))
        elif mark == "| ":
            rows[-1].line += "\n" + rest
        elif mark == "= ":
            stamp, rows[-1].level, *odd = rest.split(" ")
            rows[-1].timestamp = None if stamp == "-" else stamp
            rows[-1].matched = not odd
        elif mark == "  ":
            key, _, value = rest.partition(": ")
            rows[-1].fields[key] = orjson.loads(value) if value[:1] == '"' else value
    return rows
