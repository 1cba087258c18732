"""Logs of load balancers: HAProxy, AWS ALB and classic ELB."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import Level
from sources.formats.patterns import Groups, PatternFormat, level_of_status

REQUEST = r'"(?:(?P<method>[A-Z-]+) (?P<path>\S+)(?: (?P<protocol>[^" ]+))?|[^"]*)'

HAPROXY_HEAD = (
    r"(?P<client>[\da-fA-F.:]+):(?P<client_port>\d+) \[(?P<ts>[^\]]{20,30})\] "
    r"(?P<frontend>\S+) (?P<backend>[^\s/]+)/(?P<server>\S+) (?P<timers>[\d/+-]+) "
)
HAPROXY_TAIL = r" (?P<connections>[\d/+]+) (?P<queues>\d+/\d+)"


def _haproxy_level(groups: Groups) -> pa.Array:
    """Return the level by status; a TCP session has none and is information."""
    info = pc.if_else(groups["frontend"].is_valid(), int(Level.INFO), None)
    by_status = level_of_status(groups)
    info = info.cast(pa.int8())
    return info if by_status is None else pc.coalesce(by_status, info)


HAPROXY = PatternFormat(
    name="haproxy",
    title="HAProxy",
    description="HTTP and TCP logs, with or without a syslog head.",
    example="203.0.113.7:5123 [10/Oct/2026:13:55:36.655] web shop/app1 10/0/30/69/109 "
    '503 2750 - - ---- 1/1/1/1/0 0/0 "GET /cart HTTP/1.1"',
    patterns=(
        r"(?:^|: )" + HAPROXY_HEAD + r"(?P<status>\d{3}|-1) \+?(?P<bytes>\d+) \S+ \S+ "
        r"(?P<termination>[\w-]{4})" + HAPROXY_TAIL + r".* " + REQUEST,
        r"(?:^|: )"
        + HAPROXY_HEAD
        + r"\+?(?P<bytes>\d+) (?P<termination>[\w-]{2})"
        + HAPROXY_TAIL,
    ),
    level_of=_haproxy_level,
)

AWS_ALB = PatternFormat(
    name="aws_alb",
    title="AWS load balancer",
    description="Access logs of the application load balancer and the classic ELB.",
    example="https 2026-10-10T13:55:36.186641Z app/web/50dc6 203.0.113.7:2817 "
    '10.0.0.1:80 0.086 0.048 0.037 502 200 0 57 "GET https://shop.example:443/ HTTP/1.1" '
    '"curl/8.5" ECDHE-RSA-AES128 TLSv1.2 arn:aws:tg/web "Root=1-58337281"',
    patterns=(
        r"^(?P<type>https?|h2|grpcs|wss?) (?P<ts>[\dT:.Z-]+) (?P<elb>\S+) "
        r"(?P<client>\S+):(?P<client_port>\d+) (?P<target>\S+) (?P<request_time>\S+) "
        r"(?P<target_time>\S+) (?P<response_time>\S+) (?P<status>\d{3}|-) "
        r"(?P<target_status>\S+) (?P<received>\d+) (?P<bytes>\d+) " + REQUEST + '" '
        r'"(?P<agent>[^"]*)" \S+ \S+ (?P<target_group>\S+) "(?P<trace>[^"]*)"',
        r"^(?P<ts>\d{4}-[\dT:.-]+Z) (?P<elb>\S+) (?P<client>\S+):(?P<client_port>\d+) "
        r"(?P<target>\S+) (?P<request_time>[\d.-]+) (?P<target_time>[\d.-]+) "
        r"(?P<response_time>[\d.-]+) (?P<status>\d{3}|-) (?P<target_status>\S+) "
        r"(?P<received>\d+) (?P<bytes>\d+) " + REQUEST + '"(?: "(?P<agent>[^"]*)")?',
    ),
    level_of=level_of_status,
    absent=frozenset({"-"}),
)

FORMATS = (HAPROXY, AWS_ALB)
