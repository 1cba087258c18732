"""URLs that are asked, and what they should answer."""

from __future__ import annotations

from accounts.services.egress import InvalidUrlError, check_url
from sources.connectors.probe.http_probe import status_problem, url_of
from sources.services.kinds.base import Config, Setting, SettingType
from sources.services.kinds.common import BEARER, FOLLOW_REDIRECTS, HEADERS, USER
from sources.services.kinds.probes import TIMES, TLS, expression, kind_of, targets

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _url(target: str) -> str:
    try:
        check_url(url_of(target))
    except InvalidUrlError as error:
        return str(error)
    return ""


def _statuses(config: Config) -> list[str]:
    told = (status_problem(pattern) for pattern in config["expected_status"])
    return [problem for problem in told if problem]


KIND = kind_of(
    "http_probe",
    "HTTP check",
    "Asks URLs: status, body, certificate and how long each phase takes.",
    "globe",
    (
        targets("URLs, one a line.", _url),
        *TIMES,
        Setting(
            "expected_status",
            SettingType.LINES,
            "Expected status",
            "One a line, as 200, 2xx or 200-299; empty: 2xx.",
            bounds=(0, 50),
            check=_statuses,
        ),
        Setting(
            "body_contains",
            SettingType.TEXT,
            "Text that the body contains",
            bounds=(0, 1000),
        ),
        Setting(
            "method",
            SettingType.CHOICE,
            "Method",
            choices=tuple((method, method) for method in _METHODS),
            default="GET",
            advanced=True,
        ),
        Setting("body", SettingType.TEXT, "Body to send", advanced=True),
        HEADERS,
        *USER,
        BEARER,
        expression("body_matches", "Expression that the body matches", "In RE2."),
        expression(
            "body_does_not_match", "Expression that the body does not match", "In RE2."
        ),
        FOLLOW_REDIRECTS,
        *TLS,
    ),
    addresses=("targets", "method", "body", "follow_redirects", *(s.key for s in TLS)),
)
