"""The log of a Rocket.Chat, and how busy it is."""

from __future__ import annotations

from sources.services.kinds import streaming
from sources.services.kinds.base import (
    Config,
    Errors,
    Setting,
    SettingType,
)


def _together(config: Config) -> Errors:
    if not config.get("logs", True) and not config.get("activity", True):
        return {"logs": ["Choose the log, the activity or both."]}
    return {}


def _header(config: Config) -> list[str]:
    good = config["user_id"].isascii() and config["user_id"].isprintable()
    return [] if good else ["An id has only ASCII characters."]


def _token(config: Config) -> list[str]:
    good = config["token"].isascii() and config["token"].isprintable()
    return [] if good else ["A token has only ASCII characters."]


KIND = streaming.kind_of(
    name="rocketchat",
    title="Rocket.Chat",
    help_text="Reads the server's log, and counts messages and users. Up to version 7.",
    icon="note",
    connector="sources.connectors.streams.rocketchat.RocketChatStream",
    settings=(
        streaming.url_setting(
            "URL of the server",
            "Such as https://chat.example.com.",
            missing="Give the server's URL, such as https://chat.example.com.",
            check=streaming.url_check("https", "http"),
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
    ),
    check=_together,
)
