"""What kinds of streams have in common: their settings, and trying one out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.module_loading import import_string

from sources.connectors.streams.parcels import Point, Record
from sources.connectors.streams.paths import InvalidPathError, Path
from sources.connectors.streams.templates import names_in
from sources.connectors.streams.trying import Tried, try_out
from sources.services.kinds.base import (
    Config,
    Newest,
    Probe,
    ProbedSample,
    Setting,
    SettingType,
)
from sources.services.kinds.common import TLS_CA, tls_server_name, tls_verify

_SHOWN = 20
_SHOWN_LINE = 500
# Nobody writes longer texts by hand.
MAX_SAID = 16_384


# --- Checks ----------------------------------------------------------------------------


def url_check(*schemes: str) -> Callable[[Config], list[str]]:
    def check(config: Config) -> list[str]:
        return url_problems(config["url"], schemes)

    return check


def url_problems(url: str, schemes: Iterable[str]) -> list[str]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return [f"This is no URL: {error}."]
    if parts.scheme not in schemes or not parts.hostname:
        return [
            f"Give a URL that begins with {' or '.join(f'{s}://' for s in schemes)}."
        ]
    if parts.username or parts.password:
        return ["Put credentials into settings of their own, not into the URL."]
    if not url.isascii() or not url.isprintable() or " " in url:
        return ["A URL has no spaces and only ASCII characters."]
    return []


def path_check(key: str) -> Callable[[Config], list[str]]:
    return lambda config: paths_problems([config[key]] if config[key] else [])


def table_check(key: str) -> Callable[[Config], list[str]]:
    return lambda config: paths_problems(config[key].values())


def paths_problems(paths: Iterable[str]) -> list[str]:
    problems = []
    for path in paths:
        try:
            Path(path)
        except InvalidPathError as error:
            problems.append(str(error))
    return problems[:3]


def placeholder_check(key: str, *known: str) -> Callable[[Config], list[str]]:
    """Return a check that every {{name}} stands for something."""

    def check(config: Config) -> list[str]:
        value = config[key]
        names = {*known, *(config.get("secrets") or {})}
        texts = value if isinstance(value, list) else [value]
        missing = {name for text in texts for name in names_in(text)} - names
        told = ", ".join(sorted(names)) or "none"
        return [
            f"{{{{{name}}}}} stands for nothing; known: {told}."
            for name in sorted(missing)
        ]

    return check


# --- Settings --------------------------------------------------------------------------


def path_setting(key: str, label: str, text: str, *, advanced: bool = False) -> Setting:
    return Setting(
        key,
        SettingType.TEXT,
        label,
        text,
        bounds=(0, 500),
        check=path_check(key),
        advanced=advanced,
    )


def _table(key: str, label: str, text: str) -> Setting:
    return Setting(
        key,
        SettingType.PAIRS,
        label,
        text,
        bounds=(0, 50),
        check=table_check(key),
        advanced=True,
    )


PAYLOAD = Setting(
    "payload",
    SettingType.CHOICE,
    "Messages are",
    choices=(("json", "JSON"), ("text", "Text: each line of it is one line")),
    default="json",
)
LINE_PATH = path_setting(
    "line_path",
    "Path of the line",
    "JSONPath, such as $.message; messages without it are left out. Empty: all of it.",
)
MESSAGES = (
    PAYLOAD,
    path_setting(
        "records_path",
        "Path of the records",
        "Where a message holds a list of records, such as $.logs. Empty: it is one.",
    ),
    LINE_PATH,
    path_setting(
        "time_path", "Path of the time", "Within a record, as all that follow."
    ),
    path_setting(
        "level_path", "Path of the level", "A word, or a number of pino's or syslog's."
    ),
    _table(
        "label_paths", "Labels", "One a line, as name=path. Few different values only."
    ),
    _table("field_paths", "Fields", "One a line, as name=path."),
)
ID_PATH = path_setting(
    "id_path",
    "Path of the record's id",
    "A record whose id came before is left out; the last one is {{last_id}}.",
    advanced=True,
)
SECRETS = Setting(
    "secrets",
    SettingType.HEADERS,
    "Secrets",
    "One a line, as name: value. Texts that are sent hold them as {{name}}.",
    bounds=(0, 20),
    advanced=True,
)
TLS = (tls_verify(), TLS_CA, tls_server_name("Empty: the host of the URL."))
TLS_ADDRESSES = tuple(setting.key for setting in TLS)


def idle_timeout(default: float) -> Setting:
    return Setting(
        "idle_timeout_seconds",
        SettingType.SECONDS,
        "Seconds without a word until it connects again",
        "0: it waits for ever.",
        default=default,
        bounds=(0, 86_400),
        advanced=True,
    )


def largest_message(default: int = 2**20) -> Setting:
    return Setting(
        "max_message_bytes",
        SettingType.INTEGER,
        "Most bytes of a message",
        default=default,
        bounds=(1024, 16 * 2**20),
        advanced=True,
    )


# --- Trying it out ---------------------------------------------------------------------


def tester(kind: str, connector: str) -> Callable[[Config], Probe]:
    def test(config: Config) -> Probe:
        return _verdict(try_out(import_string(connector), kind, config))

    return test


def newest(kind: str, connector: str) -> Newest:
    def newest_lines(config: Config, problems: list[str]) -> tuple[list[str], str]:
        tried = try_out(import_string(connector), kind, config)
        told = _verdict(tried)
        lines = [record.line for record in tried.records]
        problems += [
            *([] if lines and not tried.error else [told.text]),
            *told.problems,
        ]
        problems += [_read(record) for record in tried.records[:3] if _says(record)]
        return lines, f"the first {len(lines)} lines that came"

    return newest_lines


def _verdict(tried: Tried) -> Probe:
    ok = tried.connected and not tried.error
    text = tried.error or "The connection could not be made in time."
    if ok:
        brought = [f"{len(tried.records)} lines"] if tried.records else []
        brought += [f"{len(tried.points)} samples"] if tried.points else []
        came = f"and brought {' and '.join(brought)}" if brought else "nothing came yet"
        text = f"It is connected, {came}."
    problems = [*tried.notes, *(_read(record) for record in tried.records[:3])]
    return Probe(
        ok=ok,
        text=text,
        problems=problems[:_SHOWN],
        samples=[_sample(point) for point in tried.points[:_SHOWN]],
        total=len(tried.points),
    )


def _says(record: Record) -> bool:
    return bool(record.time or record.level or record.labels or record.fields)


def _read(record: Record) -> str:
    """Return how a record was understood, in a line."""
    parts: Mapping[str, Any] = {
        "time": record.time,
        "level": record.level.word if record.level else "",
        **record.labels,
        **record.fields,
    }
    told = ", ".join(f"{name} {value}" for name, value in parts.items() if value != "")
    line = record.line[:_SHOWN_LINE]
    return f"“{line}” is read with {told}." if told else f"“{line}”"


def _sample(point: Point) -> ProbedSample:
    inner = ", ".join(f'{n}="{v}"' for n, v in sorted(point.labels.items()))
    return ProbedSample(
        f"{point.name}{{{inner}}}" if inner else point.name, point.value
    )
