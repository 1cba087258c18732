"""Settings that several kinds have, and the checks that go with them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

from sources.connectors.client_settings import tls_context
from sources.services.kinds.base import Config, Errors, Setting, SettingType

_MAX_PEM = 256 * 2**10
_NAMED = 3


# --- Checks ----------------------------------------------------------------------------


def certificates_check(key: str) -> Callable[[Config], list[str]]:
    """Return a check that a text, if there is one, holds certificates."""

    def check(config: Config) -> list[str]:
        try:
            tls_context(verify=True, ca=config[key])
        except (ssl.SSLError, ValueError):
            return ["These are no certificates in PEM."]
        return []

    return check


def login_problems(config: Config) -> Errors:
    """Return what is wrong with saying at once by USER and by BEARER who asks."""
    user = config.get("username") or config.get("password")
    if user and config.get("bearer_token"):
        told = "Give either a token, or a user with a password."
        return {"bearer_token": [told]}
    return {}


def few_of(listed: Sequence[str], *others: str) -> str:
    """Return the first targets of a source and all other places, in a few words."""
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return f"{', '.join([*listed[:_NAMED], *others])}{more}"


# --- Settings --------------------------------------------------------------------------

HOST = Setting(
    "host",
    SettingType.TEXT,
    "Collector",
    "Only the collector on the host of this name works it; empty: any.",
    bounds=(0, 253),
    asked=False,
)
HEADERS = Setting(
    "headers",
    SettingType.HEADERS,
    "Headers",
    "One a line, as name: value. The values are kept secret.",
    bounds=(0, 50),
    advanced=True,
)
USER = (
    Setting("username", SettingType.TEXT, "User", bounds=(0, 200), advanced=True),
    Setting("password", SettingType.SECRET, "Password", advanced=True),
)
BEARER = Setting("bearer_token", SettingType.SECRET, "Bearer token", advanced=True)
FOLLOW_REDIRECTS = Setting(
    "follow_redirects",
    SettingType.BOOLEAN,
    "Follow redirects",
    default=True,
    advanced=True,
)
TLS_CA = Setting(
    "tls_ca",
    SettingType.TEXT,
    "Certificates of the CA, in PEM",
    "Empty: those of the system.",
    bounds=(0, _MAX_PEM),
    check=certificates_check("tls_ca"),
    asked=False,
)


def tls_verify(label: str = "Check the certificate") -> Setting:
    return Setting(
        "tls_verify", SettingType.BOOLEAN, label, default=True, advanced=True
    )


def tls_server_name(text: str, label: str = "Name in the certificate") -> Setting:
    return Setting(
        "tls_server_name",
        SettingType.TEXT,
        label,
        text,
        bounds=(0, 253),
        advanced=True,
    )
