"""Logs of PostgreSQL, MySQL, MariaDB, Redis and MongoDB."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import Level
from sources.formats.patterns import Groups, PatternFormat, words

SECONDS = r"\d{4}-\d\d-\d\d[T ]{1,2}[ \d]?\d:\d\d:\d\d"

POSTGRESQL = PatternFormat(
    name="postgresql",
    title="PostgreSQL",
    description="stderr logs with the default prefix (%m [%p]), and with user@database.",
    example="2026-10-10 13:55:36.120 UTC [812] alice@shop ERROR:  deadlock detected",
    patterns=(
        r"^(?P<ts>" + SECONDS + r"(?:\.\d{3})?(?: [A-Z]{3,4}|[+-]\d\d(?::?\d\d)?)?) "
        r"\[(?P<pid>\d+)(?:-(?P<statement>\d+))?\]:? "
        r"(?:(?:user=)?(?P<user>[\w.\[\]-]+)(?:@|,db=)(?P<database>[\w.\[\]-]+)\S* )?"
        r"(?P<level>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[1-5]?|STATEMENT"
        r"|DETAIL|HINT|CONTEXT|QUERY|LOCATION):  ?",
    ),
    level_of=words(
        **{f"debug{n}": Level.DEBUG for n in range(1, 6)},
        query=Level.INFO,
        location=Level.INFO,
    ),
)

REDIS = PatternFormat(
    name="redis",
    title="Redis",
    description="Process, role (M, S, C, X), time and level mark.",
    example="812:M 10 Oct 2026 13:55:36.120 # Server initialized",
    patterns=(
        (
            r"^(?P<pid>\d+):(?P<role>[MSCX]) "
            r"(?P<ts>\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) (?P<level>[.*#-]) "
        ),
    ),
    level_of=words(
        **{".": Level.DEBUG, "-": Level.DEBUG, "*": Level.INFO, "#": Level.WARN}
    ),
)

MYSQL_ERROR = PatternFormat(
    name="mysql_error",
    title="MySQL and MariaDB error log",
    description="Time, thread, [level], [code] and [subsystem].",
    example="2026-10-10T13:55:36.120345Z 0 [Warning] [MY-010055] [Server] IP not resolved",
    patterns=(
        r"^(?P<ts>" + SECONDS + r"(?:\.\d{6})?(?:Z|[+-]\d\d:\d\d)?) (?P<thread>\d+) "
        r"\[(?P<level>Note|Warning|Error|ERROR|System)\] "
        r"(?:\[(?P<code>MY-\d+)\] )?(?:\[(?P<subsystem>[\w-]+)\] )?",
    ),
)


def _slow(groups: Groups) -> pa.Array:
    """A query in this log is slow by its own server's measure: a warning."""
    any_group = pc.coalesce(*groups.values())
    return pc.if_else(any_group.is_valid(), int(Level.WARN), None).cast(pa.int8())


MYSQL_SLOW = PatternFormat(
    name="mysql_slow",
    title="MySQL slow query log",
    description="One event from `# Time:` to the statement. Every event is a warning.",
    example="# Time: 2026-10-10T13:55:36.120345Z\n# User@Host: shop[shop] @ web1 "
    "[10.0.0.7]  Id:   42\n# Query_time: 3.2  Lock_time: 0.001 Rows_sent: 1  "
    "Rows_examined: 90210\nSELECT 1;",
    patterns=(
        (
            r"(?s)^# Time: (?P<ts>[\d-]+T[\d:.]+(?:Z|[+-]\d\d:\d\d)|\d{6} [ \d]\d:\d\d:\d\d)"
            r"(?:\s+# User@Host: (?P<user>[^\[]*)\[[^\]]*\] @\s+(?P<host>[^\[\s]*) "
            r"\[(?P<client>[^\]]*)\](?:[^\n]*Id:\s+(?P<connection>\d+))?)?"
            r"(?:\s+# Query_time: (?P<query_time>[\d.]+)\s+Lock_time: (?P<lock_time>[\d.]+)"
            r"\s+Rows_sent: (?P<rows_sent>\d+)\s+Rows_examined: (?P<rows_examined>\d+))?"
        ),
        (
            r"^# User@Host: (?P<user>[^\[]*)\[[^\]]*\] @\s+(?P<host>[^\[\s]*) "
            r"\[(?P<client>[^\]]*)\](?:[^\n]*Id:\s+(?P<connection>\d+))?"
        ),
        (
            r"^# Query_time: (?P<query_time>[\d.]+)\s+Lock_time: (?P<lock_time>[\d.]+)"
            r"\s+Rows_sent: (?P<rows_sent>\d+)\s+Rows_examined: (?P<rows_examined>\d+)"
        ),
    ),
    level_of=_slow,
    event_start="^# Time: ",
)

MONGODB = PatternFormat(
    name="mongodb",
    title="MongoDB, text",
    description="Up to version 4.2: time, severity letter, component, [context]. Later "
    "versions write JSON.",
    example="2026-10-10T13:55:36.120+0000 W  NETWORK  [conn42] slow connection",
    patterns=(
        (
            r"^(?P<ts>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d{4})) (?P<level>[FEWID][1-5]?)\s+"
            r"(?P<component>[A-Z_]+|-)\s+\[(?P<context>[^\]]+)\] "
        ),
    ),
    absent=frozenset({"-"}),
)

FORMATS = (POSTGRESQL, REDIS, MYSQL_ERROR, MYSQL_SLOW, MONGODB)
