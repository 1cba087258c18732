"""URLs that stream lines, or that are asked for more of them."""

from __future__ import annotations

from sources.services.kinds import streaming
from sources.services.kinds.base import (
    Config,
    Errors,
    Setting,
    SettingType,
)
from sources.services.kinds.common import BEARER, HEADERS, USER, login_problems
from sources.services.kinds.streaming import MAX_SAID, placeholder_check

_KNOWN = ("last_id", "last_time", "cursor")


def _url(config: Config) -> list[str]:
    problems = streaming.url_check("https", "http")(config)
    return problems or placeholder_check("url", *_KNOWN)(config)


def _together(config: Config) -> Errors:
    if config.get("body") and config.get("method", "GET") != "POST":
        return {"body": ["Only a POST has a body."]}
    if config.get("cursor_path") and config.get("mode", "lines") != "poll":
        return {"cursor_path": ["Only what is polled has a cursor."]}
    return login_problems(config)


def _where(name: str, config: Config) -> str:
    url = streaming.where(name, config)
    if config.get("mode") != "poll":
        return url
    return f"{url}, every {config.get('interval_seconds', 30):g} s"


_HOW = (
    Setting(
        "mode",
        SettingType.CHOICE,
        "How it sends",
        choices=(
            ("lines", "An answer that goes on, a message on each line"),
            ("sse", "Server-sent events"),
            ("json", "An answer that goes on, one JSON document behind the other"),
            ("poll", "Asked again and again"),
        ),
        default="lines",
    ),
    Setting(
        "interval_seconds",
        SettingType.SECONDS,
        "Seconds between two questions",
        "Of what is polled.",
        default=30,
        bounds=(1, 86_400),
    ),
)
_ASKING = (
    Setting(
        "method",
        SettingType.CHOICE,
        "Method",
        choices=(("GET", "GET"), ("POST", "POST")),
        default="GET",
        advanced=True,
    ),
    Setting(
        "body",
        SettingType.TEXT,
        "Body of a POST",
        "With {{name}} as in the URL.",
        bounds=(0, MAX_SAID),
        check=placeholder_check("body", *_KNOWN),
        advanced=True,
    ),
    Setting(
        "body_type",
        SettingType.TEXT,
        "Type of the body",
        default="application/json",
        bounds=(1, 200),
        advanced=True,
    ),
    streaming.path_setting(
        "cursor_path",
        "Path of the cursor",
        "Where an answer says how to go on; {{cursor}} in the URL or the body. "
        "ETag and Link: rel=next are followed by themselves.",
        advanced=True,
    ),
    Setting(
        "cursor_start",
        SettingType.TEXT,
        "First cursor",
        bounds=(0, 500),
        advanced=True,
    ),
)

KIND = streaming.kind_of(
    name="http_stream",
    title="HTTP stream",
    help_text="Reads lines from an answer that does not end, or asks a URL for new ones.",
    icon="globe",
    connector="sources.connectors.streams.http_stream.HttpStream",
    settings=(
        streaming.url_setting(
            "URL",
            "With {{last_id}}, {{last_time}} or {{cursor}} for where it goes on.",
            missing="Give a URL, such as https://example.com/logs.",
            check=_url,
        ),
        *_HOW,
        *streaming.MESSAGES,
        *_ASKING,
        streaming.ID_PATH,
        streaming.SECRETS,
        HEADERS,
        *USER,
        BEARER,
        streaming.idle_timeout(300),
        streaming.largest_message(4 * 2**20),
    ),
    check=_together,
    where=_where,
)
