"""What differs from line to line of the same kind, replaced in bulk.

One RE2 expression goes over a whole column; what is left is mostly the same text many
times over, so that everything after this works on few different texts.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

# As in Loki's pattern filters: `|> "GET <_> took <_>"`.
PARAMETER = "<_>"

# A template says enough with so much of a line.
MAX_BYTES = 1000

_MASKS = (
    # 2024-05-01T12:00:00.123+02:00, 2024/05/01 12:00:00,123
    r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?",
    # 10/Oct/2000:13:55:36 -0700
    r"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?",
    # Oct 11 22:14:15
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d",
    # UUIDs, and hashes of twelve digits or more
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
    r"\b[0-9a-fA-F]{12,}\b",
    # IPv6 addresses, MAC addresses
    r"\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b",
    r"\b(?:[0-9a-fA-F]{1,4}:){1,6}(?::[0-9a-fA-F]{1,4}){1,6}\b",
    # a@example.org
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    # Addresses and paths of more than one part, with what is asked of them
    r"(?:\b[a-z][a-z0-9+.-]*:/)?(?:/[\w.~%@+:-]+){2,}/?(?:\?[^\s\"]*)?",
    # Numbers, IPv4 addresses, versions, durations, ids: words that have a digit
    r"[+-]?[A-Za-z_]*\d\w*(?:[.:]\w+)*(?:-\w*\d\w*)*%?",
)
_MASK = f"(?:{'|'.join(_MASKS)})"
_BEHIND_FIRST_LINE = r"(?s)\r?\n.+\z"
_REPEATED = r"<_>(?:<_>)+"


def masked(lines: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the first line of each, shortened, with its changing parts replaced."""
    texts = _cut(lines)
    texts = pc.replace_substring_regex(texts, _BEHIND_FIRST_LINE, PARAMETER)
    texts = pc.replace_substring_regex(texts, _MASK, PARAMETER)
    return pc.replace_substring_regex(texts, _REPEATED, PARAMETER)


def _cut(lines: pa.LargeStringArray) -> pa.LargeStringArray:
    longest = pc.max(pc.binary_length(lines)).as_py() or 0
    if longest <= MAX_BYTES:
        return lines
    long = pc.greater(pc.utf8_length(lines), MAX_BYTES)
    short = pc.utf8_slice_codeunits(lines, 0, MAX_BYTES)
    ending, nothing = (pa.scalar(text, pa.large_string()) for text in (PARAMETER, ""))
    marked = pc.binary_join_element_wise(short, ending, nothing)
    return pc.if_else(long, marked, lines)
