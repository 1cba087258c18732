"""What Python programs write: logging's usual layouts, loguru, celery, its servers."""

from __future__ import annotations

from sources.formats.patterns import PatternFormat

LEVEL = r"(?P<level>CRITICAL|FATAL|ERROR|WARNING|WARN|INFO|DEBUG|NOTSET)"
LOUD = r"(?P<level>TRACE|DEBUG|INFO|SUCCESS|WARNING|ERROR|CRITICAL)"
COMMAS = r"(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})"
ANY = (
    r"(?P<ts>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z| ?[+-]\d\d:?\d\d)?)"
)
NAME = r"(?P<logger>[A-Za-z_][\w.-]*)"

PYTHON = PatternFormat(
    name="python",
    title="Python logging",
    description="The usual layouts of logging (asctime, name, levelname in any order, "
    "basicConfig's LEVEL:name:message), Flask, celery and loguru.",
    example="2026-10-10 13:55:36,120 - shop.cart - WARNING - stock is low",
    patterns=(
        r"^\[?" + ANY + r"\]? - " + NAME + " - " + LEVEL + " - ",
        r"^\[" + COMMAS + ": " + LEVEL + r"/(?P<process>[\w-]+)\]",
        r"^\[" + COMMAS + r"\] " + LEVEL + r" in (?P<logger>\w+): ",
        "^"
        + ANY
        + r" \| "
        + LOUD
        + r"\s+\| (?P<logger>[\w.<>]+):(?P<function>[\w<>]+):"
        r"(?P<line_number>\d+) - ",
        r"^\[?" + ANY + r"\]?:? \[?" + LEVEL + r"\]?:?\s+\[?" + NAME + r"\]?:\s",
        r"^\[?" + ANY + r"\]? \[?" + NAME + r"\]?:? \[?" + LEVEL + r"\]?:?\s",
        "^" + LEVEL + ":" + NAME + ":",
        "^" + ANY + " - " + LEVEL + " - ",
    ),
)

PYTHON_SERVER = PatternFormat(
    name="python_server",
    title="Python servers",
    description="What gunicorn, uvicorn and django-q say of themselves.",
    example="[2026-10-10 13:55:36 +0000] [31] [INFO] Booting worker with pid: 33",
    patterns=(
        (
            r"^\[(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\] \[(?P<pid>\d+)\] "
            r"\[(?P<level>[A-Z]+)\] "
        ),
        r"^(?P<ts>\d\d:\d\d:\d\d) \[(?P<logger>Q)\] (?P<level>[A-Z]+) ",
        r"^(?P<level>INFO|WARNING|ERROR|DEBUG|CRITICAL|TRACE):\s{2,}\S",
    ),
)

FORMATS = (PYTHON_SERVER, PYTHON)
