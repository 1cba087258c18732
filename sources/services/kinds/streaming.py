"""What kinds of streams have in common: their settings, and how they are declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from sources.connectors.streams.paths import InvalidPathError, Path
from sources.connectors.streams.templates import names_in
from sources.services.kinds.base import (
    Config,
    Errors,
    Group,
    Kind,
    Setting,
    SettingType,
)
from sources.services.kinds.common import HOST, TLS_CA, tls_server_name, tls_verify
from sources.services.kinds.stream_probing import newest, tester

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


def url_setting(
    label: str, text: str, *, missing: str, check: Callable[[Config], list[str]]
) -> Setting:
    return Setting(
        "url",
        SettingType.TEXT,
        label,
        text,
        required=True,
        bounds=(1, 2000),
        check=check,
        missing=missing,
    )


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


# --- Kinds -----------------------------------------------------------------------------


def where(name: str, config: Config) -> str:
    """Return the URL; its query is nobody's business, and may be long."""
    return urlsplit(config.get("url", ""))._replace(query="").geturl()


def kind_of(
    *,
    name: str,
    title: str,
    help_text: str,
    icon: str,
    connector: str,
    settings: tuple[Setting, ...],
    check: Callable[[Config], Errors],
    where: Callable[[str, Config], str] = where,
    tls: tuple[Setting, ...] = TLS,
) -> Kind:
    """Return a kind whose settings begin with the URL that it connects to."""
    return Kind(
        name=name,
        title=title,
        help=help_text,
        icon=icon,
        group=Group.FETCHED,
        has_lines=True,
        connector=connector,
        test=tester(name, connector),
        newest_lines=newest(name, connector),
        where=where,
        settings=(*settings, *tls, HOST),
        check=check,
        addresses=("url", *(setting.key for setting in tls)),
    )
