"""The log of a Rocket.Chat, and how busy it is."""

from __future__ import annotations

from sources.services.kinds import streaming
from sources.services.kinds.base import (
    Config,
    Errors,
    Group,
    Kind,
    Setting,
    SettingType,
)
from sources.services.kinds.common import HOST

NAME = "rocketchat"
CONNECTOR = "sources.connectors.streams.rocketchat.RocketChatStream"


def _together(config: Config) -> Errors:
    if not config.get("logs", True) and not config.get("activity", True):
        return {"logs": ["Choose the log, the activity or both."]}
    return {}


def _where(name: str, config: Config) -> str:
    url: str = config.get("url", "")
    return url


def _header(config: Config) -> list[str]:
    good = config["user_id"].isascii() and config["user_id"].isprintable()
    return [] if good else ["An id has only ASCII characters."]


def _token(config: Config) -> list[str]:
    good = config["token"].isascii() and config["token"].isprintable()
    return [] if good else ["A token has only ASCII characters."]


KIND = Kind(
    name=NAME,
    title="Rocket.Chat",
    help="Reads the server's log, and counts messages and users. Up to version 7.",
    icon="note",
    group=Group.FETCHED,
    has_lines=True,
    connector=CONNECTOR,
    test=streaming.tester(NAME, CONNECTOR),
    newest_lines=streaming.newest(NAME, CONNECTOR),
    where=_where,
    settings=(
        Setting(
            "url",
            SettingType.TEXT,
            "URL of the server",
            "Such as https://chat.example.com.",
            required=True,
            bounds=(1, 2000),
            check=streaming.url_check("https", "http"),
            missing="Give the server's URL, such as https://chat.example.com.",
        ),
        Setting(
            "user_id",
            SettingType.TEXT,
            "User id",
            "Of a user with the permissions view-logs and view-statistics.",
            required=True,
            bounds=(1, 100),
            check=_header,
            missing="Give the id that belongs to the token.",
        ),
        Setting(
            "token",
            SettingType.SECRET,
            "Personal access token",
            required=True,
            bounds=(1, 500),
            check=_token,
            missing="Give a personal access token of the user.",
        ),
        Setting("logs", SettingType.BOOLEAN, "Read the server's log", default=True),
        Setting(
            "activity",
            SettingType.BOOLEAN,
            "Count messages and users",
            default=True,
        ),
        Setting(
            "statistics_seconds",
            SettingType.SECONDS,
            "Seconds between two looks at the figures",
            default=60,
            bounds=(10, 86_400),
            advanced=True,
        ),
        # The server pings every 30 s or so.
        streaming.idle_timeout(120),
        streaming.largest_message(),
        *streaming.TLS,
        HOST,
    ),
    check=_together,
    addresses=("url", *streaming.TLS_ADDRESSES),
)
