"""Error logs of nginx and Apache."""

from __future__ import annotations

from monitoring.telemetry import Level
from sources.formats.patterns import PatternFormat, words

NGINX_HEAD = (
    r"^(?P<ts>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]+)\] "
    r"(?P<pid>\d+)#(?P<tid>\d+): (?:\*(?P<connection>\d+) )?"
)
NGINX_CONTEXT = (
    r".*, client: (?P<client>[^,]+), server: (?P<server>[^,]*)"
    r'(?:, request: "(?P<request>[^"]*)")?(?:, subrequest: "[^"]*")?'
    r'(?:, upstream: "(?P<upstream>[^"]*)")?(?:, host: "(?P<host>[^"]*)")?'
    r'(?:, referrer: "(?P<referer>[^"]*)")?'
)
APACHE_STAMP = r"(?P<ts>\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{3,6})? \d{4})"

NGINX_ERROR = PatternFormat(
    name="nginx_error",
    title="nginx error log",
    description="Time, level, process and connection; client, server, request, upstream "
    "and host where nginx names them.",
    example="2026/10/10 13:55:36 [error] 31#31: *5 open() failed (2: No such file), "
    'client: 203.0.113.7, server: shop, request: "GET /x HTTP/1.1", host: "shop.example"',
    patterns=(NGINX_HEAD + NGINX_CONTEXT, NGINX_HEAD),
)

APACHE_ERROR = PatternFormat(
    name="apache_error",
    title="Apache error log",
    description="Versions 2.2 and 2.4: module, level, process, client, message code.",
    example="[Sat Oct 10 13:55:36.120345 2026] [proxy:error] [pid 31:tid 140] "
    "[client 203.0.113.7:5123] AH00957: connect failed",
    patterns=(
        r"^\[" + APACHE_STAMP + r"\] \[(?:(?P<module>[\w-]*):)?(?P<level>[a-z]+\d?)\]"
        r"(?: \[pid (?P<pid>\d+)(?::tid (?P<tid>\w+))?\])?(?: \(\d+\)[^\[\]]*?:)?"
        r"(?: \[(?:client|remote) (?P<client>[^\]]+)\])?(?: (?P<code>AH\d+):)?",
    ),
    level_of=words(**{f"trace{n}": Level.TRACE for n in range(1, 9)}),
)

FORMATS = (NGINX_ERROR, APACHE_ERROR)
