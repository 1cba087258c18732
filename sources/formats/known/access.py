"""Access logs of web servers: common, combined, with a virtual host, and Python's."""

from __future__ import annotations

from sources.formats.patterns import PatternFormat, level_of_status

TIME = r" \[(?P<ts>[^\]]{20,32})\] "
CLIENT = r"(?P<client>\S+) \S+ (?P<user>\S+)" + TIME
REQUEST = r'"(?P<method>[A-Z_-]+) (?P<path>[^" ]+) (?P<protocol>[^" ]+)"'
RESULT = r" (?P<status>\d{3}) (?P<bytes>\d+|-)"
AGENT = r' "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
EXTRA = r"(?: (?P<extra>.+))?\s*$"

# What clients really send: broken requests, HTTP/0.9, user names with spaces. Apart,
# because the alternatives would make the first pattern three times slower.
ODD_CLIENT = r"(?P<client>\S+) \S+ (?P<user>[^\[]+)" + TIME
ODD_REQUEST = r'"(?P<request>(?:[^"\\]|\\.)*)"'

VHOST = r"^(?P<vhost>[\w.-]+(?::\d+)?) "
ABSENT = frozenset({"-"})

ACCESS_COMBINED = PatternFormat(
    name="access_combined",
    title="Access log, combined",
    description="nginx's and Apache's default: common, then referer and user agent. "
    "What a server adds behind it (request time, forwarded for) is kept as `extra`.",
    example='203.0.113.7 - - [10/Oct/2026:13:55:36 -0700] "GET /cart HTTP/1.1" 200 2326 '
    '"https://shop.example/" "Mozilla/5.0"',
    patterns=(
        (CLIENT, REQUEST, RESULT, AGENT, EXTRA),
        "^" + ODD_CLIENT + REQUEST + RESULT + AGENT + EXTRA,
        "^" + ODD_CLIENT + ODD_REQUEST + RESULT + AGENT + EXTRA,
    ),
    level_of=level_of_status,
    absent=ABSENT,
)

ACCESS_COMMON = PatternFormat(
    name="access_common",
    title="Access log, common",
    description="The NCSA common log format.",
    example='203.0.113.7 - alice [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" 404 153',
    patterns=(
        (CLIENT, REQUEST, RESULT, r"\s*$"),
        "^" + ODD_CLIENT + ODD_REQUEST + RESULT + r"\s*$",
    ),
    level_of=level_of_status,
    absent=ABSENT,
)

ACCESS_VHOST = PatternFormat(
    name="access_vhost",
    title="Access log with virtual host",
    description="Combined or common with `host:port` in front, as Apache's vhost logs.",
    example="shop.example:443 203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "
    '"POST /pay HTTP/2.0" 502 0 "-" "curl/8.5"',
    patterns=(
        (VHOST[1:], CLIENT, REQUEST, RESULT, AGENT, EXTRA),
        (VHOST[1:], CLIENT, REQUEST, RESULT, r"\s*$"),
        VHOST + CLIENT + ODD_REQUEST + RESULT + AGENT + EXTRA,
    ),
    level_of=level_of_status,
    absent=ABSENT,
)

PLAIN_REQUEST = r'"(?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<protocol>HTTP/[\d.]+))?"'
ENDPOINT = r"(?P<client>[\da-fA-F.:]+):(?P<client_port>\d+) - "

PYTHON_ACCESS = PatternFormat(
    name="python_access",
    title="Python web servers, requests",
    description="Requests as daphne, Django's runserver, Werkzeug and uvicorn log them.",
    example='203.0.113.7:5123 - - [10/Oct/2026:13:55:36] "GET /cart" 200 512',
    patterns=(
        "^"
        + ENDPOINT
        + r"- \[(?P<ts>[\w/:]+)\] "
        + PLAIN_REQUEST
        + r" (?P<status>\d{3}) (?P<bytes>\d+|-)$",
        r"^(?:(?P<client>\S+) - - )?\[(?P<ts>\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d)\] "
        + PLAIN_REQUEST
        + r" (?P<status>\d{3}) (?P<bytes>\d+|-)$",
        r"^(?:INFO:\s+)?"
        + ENDPOINT
        + PLAIN_REQUEST
        + r" (?P<status>\d{3})(?: [A-Z][\w' -]*)?$",
    ),
    level_of=level_of_status,
    absent=ABSENT,
)

FORMATS = (PYTHON_ACCESS, ACCESS_VHOST, ACCESS_COMBINED, ACCESS_COMMON)
