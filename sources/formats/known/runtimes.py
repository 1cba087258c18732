"""What programs in Go, Rust, .NET, Ruby and PHP write with their usual loggers."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import Level
from sources.formats.patterns import Groups, PatternFormat, level_of_status, words

RUST_LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR)"
DOTNET_LEVEL = r"(?P<level>VRB|DBG|INF|WRN|ERR|FTL)"
NLOG_LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
RAILS_LEVEL = r"(?P<level>DEBUG|INFO|WARN|ERROR|FATAL|ANY)"
ISO = (
    r"(?P<ts>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?: ?Z| ?[+-]\d\d:?\d\d)?)"
)


def _rails_level(groups: Groups) -> pa.Array | None:
    """Return the level that a line names, or that of a completed request's status."""
    by_word = words(any=Level.UNKNOWN)(groups) if "level" in groups else None
    found = [
        column for column in (by_word, level_of_status(groups)) if column is not None
    ]
    return pc.coalesce(*found) if found else None


RUST = PatternFormat(
    name="rust",
    title="Rust tracing and env_logger",
    description="Time, level and target; spans are kept as they stand.",
    example="2026-10-10T13:55:36.120345Z  WARN shop::cart: stock is low item=7",
    patterns=(
        "^" + ISO + r"\s+" + RUST_LEVEL + r"(?: ThreadId\((?P<thread>\d+)\))?"
        r" (?:(?P<span>[\w-]+(?:\{[^}]*\})?(?::[\w-]+\{[^}]*\})*): )?"
        r"(?P<target>[A-Za-z_]\w*(?:::\w+)*): ",
        r"^\["
        + ISO
        + r"\s+"
        + RUST_LEVEL
        + r"\s+(?P<target>[A-Za-z_]\w*(?:::\w+)*)\] ",
    ),
)

DOTNET = PatternFormat(
    name="dotnet",
    title=".NET",
    description="The console logger (`info: Category[0]`), Serilog and NLog.",
    example="2026-10-10 13:55:36.120 +02:00 [WRN] stock is low",
    patterns=(
        "^" + ISO + r" \[" + DOTNET_LEVEL + r"\] ",
        r"^\[(?P<ts>\d\d:\d\d:\d\d) " + DOTNET_LEVEL + r"\] ",
        (
            r"^(?P<level>trce|dbug|info|warn|fail|crit): (?P<logger>[\w.+`]+)"
            r"\[(?P<event_id>-?\d+)\]"
        ),
        r"^(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{4})\|"
        + NLOG_LEVEL
        + r"\|(?P<logger>[^|]+)\|",
    ),
    level_of=words(trce=Level.TRACE),
)

RAILS = PatternFormat(
    name="rails",
    title="Ruby and Rails",
    description="Ruby's Logger, and the lines that Rails writes of a request.",
    example="W, [2026-10-10T13:55:36.120345 #812]  WARN -- shop: stock is low",
    patterns=(
        r"^[DIWEFA], \[(?P<ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}) #(?P<pid>\d+)\]\s+"
        + RAILS_LEVEL
        + r" -- (?P<program>[^:]*): "
        r"(?:\[(?P<request_id>[0-9a-f-]{36})\] )?",
        (
            r'^Started (?P<method>[A-Z]+) "(?P<path>[^"]*)" for (?P<client>\S+) at '
            r"(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})"
        ),
        r"^Processing by (?P<controller>\w[\w:]*)#(?P<action>\w+) as ",
        r"^Completed (?P<status>\d{3}) .* in (?P<duration_ms>[\d.]+)ms",
    ),
    level_of=_rails_level,
)

MONOLOG = PatternFormat(
    name="monolog",
    title="Monolog (Laravel, Symfony)",
    description="[time] channel.LEVEL: message.",
    example="[2026-10-10T13:55:36.120345+00:00] shop.WARNING: stock is low [] []",
    patterns=(
        r"^\["
        + ISO
        + r"\] (?P<channel>[\w-]+)\.(?P<level>DEBUG|INFO|NOTICE|WARNING|ERROR"
        r"|CRITICAL|ALERT|EMERGENCY): ",
    ),
)

GO = PatternFormat(
    name="go",
    title="Go log",
    description="The standard library's logger, with or without microseconds and file.",
    example="2026/10/10 13:55:36.120345 cart.go:42: ERROR stock is low",
    patterns=(
        (
            r"^(?P<ts>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{6})?) "
            r"(?:(?P<source>\S+\.go:\d+): )?"
        ),
    ),
)

FORMATS = (RUST, DOTNET, RAILS, MONOLOG, GO)
