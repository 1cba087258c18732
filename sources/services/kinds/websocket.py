"""WebSockets that stream lines."""

from __future__ import annotations

from typing import Any

from sources.connectors.streams.paths import InvalidPathError, Path
from sources.services.kinds import streaming
from sources.services.kinds.base import (
    Config,
    Errors,
    Setting,
    SettingType,
)
from sources.services.kinds.common import BEARER, HEADERS, USER
from sources.services.kinds.streaming import MAX_SAID, placeholder_check

_LAST = ("last_id", "last_time")
_MAX_REPLIES = 20


def _replies(config: Config) -> list[str]:
    rules = config["replies"]
    if not isinstance(rules, list) or len(rules) > _MAX_REPLIES:
        return [f"This must be a list of at most {_MAX_REPLIES} rules."]
    return [told for rule in rules if (told := _reply_problem(rule))]


def _reply_problem(rule: Any) -> str:
    good = isinstance(rule, dict) and rule.keys() <= {"path", "equals", "send"}
    if not good or not isinstance(rule.get("send"), str):
        return "A rule has path, send and, if it is to equal something, equals."
    if not isinstance(rule.get("path"), str):
        return "The path of a rule is a text."
    try:
        Path(rule["path"])
    except InvalidPathError as error:
        return str(error)
    return ""


def _url(config: Config) -> list[str]:
    problems = streaming.url_check("wss", "ws")(config)
    return problems or placeholder_check("url", *_LAST)(config)


def _together(config: Config) -> Errors:
    if config.get("login_message") and not config.get("login_path"):
        told = "Say what the answer to the login looks like, such as $.ok."
        return {"login_path": [told]}
    if config.get("resume_message") and not (
        config.get("id_path") or config.get("time_path")
    ):
        told = "It needs the path of the record's id, or of its time."
        return {"resume_message": [told]}
    return {}


def _said(key: str, label: str, text: str, *known: str) -> Setting:
    return Setting(
        key,
        SettingType.TEXT,
        label,
        text,
        bounds=(0, MAX_SAID),
        check=placeholder_check(key, *known),
        advanced=True,
    )


def _all_said(key: str, label: str, text: str) -> Setting:
    return Setting(
        key,
        SettingType.LINES,
        label,
        text,
        bounds=(0, 20),
        check=placeholder_check(key, *_LAST),
        advanced=True,
    )


_TALK = (
    _all_said("handshake", "Messages when it has opened", "One a line."),
    _said("login_message", "Message to log in", "With {{name}} for a secret."),
    streaming.path_setting(
        "login_path",
        "Path in the answer to the login",
        "What is awaited before anything else is said.",
        advanced=True,
    ),
    Setting(
        "login_equals",
        SettingType.TEXT,
        "What must stand there",
        "Empty: anything.",
        bounds=(0, 500),
        advanced=True,
    ),
    _all_said(
        "subscribe", "Messages to subscribe", "One a line, sent after the login."
    ),
    _said(
        "resume_message",
        "Message to go on where it ended",
        "Sent after the others where something came before, with {{last_id}} or {{last_time}}.",
        *_LAST,
    ),
    Setting(
        "replies",
        SettingType.YAML,
        "Replies",
        "A list of rules with path, equals and send, as for a ping within the messages.",
        check=_replies,
        advanced=True,
    ),
    Setting(
        "ping_seconds",
        SettingType.SECONDS,
        "Seconds between two pings of the protocol",
        "0: none.",
        default=20,
        bounds=(0, 3600),
        advanced=True,
    ),
)

KIND = streaming.kind_of(
    name="websocket",
    title="WebSocket",
    help_text="Subscribes to a WebSocket and reads lines from its messages.",
    icon="link",
    connector="sources.connectors.streams.websocket.WebSocketStream",
    settings=(
        streaming.url_setting(
            "URL",
            "wss:// or ws://",
            missing="Give a URL, such as wss://example.com/logs.",
            check=_url,
        ),
        *streaming.MESSAGES,
        *_TALK,
        streaming.ID_PATH,
        streaming.SECRETS,
        HEADERS,
        *USER,
        BEARER,
        Setting(
            "subprotocols",
            SettingType.LINES,
            "Sub-protocols",
            "One a line.",
            bounds=(0, 10),
            advanced=True,
        ),
        streaming.idle_timeout(300),
        streaming.largest_message(),
    ),
    check=_together,
)
