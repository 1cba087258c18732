"""Which log blocks may have wanted lines, in SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

from monitoring.store import log_search, tokens
from monitoring.store.interface import LogScan
from monitoring.store.samples import DAY_MS, day_of_ms

NS_IN_MS = 1_000_000
DAY_NS = DAY_MS * NS_IN_MS

_OF_INTEREST = """
  organization_id = %s AND day BETWEEN %s AND %s AND max_ts >= %s AND min_ts < %s
"""


def day_of_ns(ts_ns: int) -> date:
    return day_of_ms(ts_ns // NS_IN_MS)


def conditions(scan: LogScan) -> tuple[str, list[Any]]:
    """Return the SQL condition for blocks that may have wanted lines."""
    parts = [_OF_INTEREST]
    parameters: list[Any] = [
        scan.organization_id,
        day_of_ns(scan.start_ns),
        day_of_ns(scan.end_ns),
        scan.start_ns,
        scan.end_ns,
    ]
    if scan.streams is not None:
        parts.append("stream_id = ANY(%s::bigint[])")
        parameters.append(list(scan.streams))
    test, more = filter_conditions(scan)
    return " AND ".join([*parts, test]), [*parameters, *more]


def filter_conditions(scan: LogScan) -> tuple[str, list[Any]]:
    """Return the SQL condition for levels and texts, of blocks and archived pieces."""
    parts = ["true"]
    parameters: list[Any] = []
    if not scan.any_level:
        # PostgreSQL counts array elements from 1.
        counts = [f"level_counts[{level + 1}]" for level in sorted(scan.levels)]
        parts.append(f"{' + '.join(counts) or 0} > 0")
    for clause in log_search.clauses(scan.filters):
        test, hashes = _may_satisfy(clause)
        parts.append(test)
        parameters += hashes
    return " AND ".join(parts), parameters


def _may_satisfy(clause: log_search.Clause) -> tuple[str, list[int]]:
    """Return the SQL test for blocks that may contain one of the clause's texts."""
    # `substring` of an uncompressed column reads one page, not the whole filter.
    bits = "(octet_length(token_filter) * 8 - 1)"
    probe = (
        f"get_bit(substring(token_filter FROM ((%s & {bits}) >> 3) + 1 FOR 1), %s) = 1"
    )
    choices, parameters = ["octet_length(token_filter) = 0"], []
    for text in clause:
        hashes = tokens.probes(text)
        if not hashes:
            return "true", []
        choices.append(" AND ".join([probe] * len(hashes)))
        for hashed in hashes:
            parameters += [hashed, hashed & 7]
    return "(" + " OR ".join(f"({choice})" for choice in choices) + ")", parameters
