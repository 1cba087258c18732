"""Every misconfiguration that can be seen before it hurts, with its cure.

docs/configuration.md describes each id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution

_SHORTEST_SECRET = 32
_POSITIVE = (
    "INGEST_MAX_BODY_BYTES",
    "INGEST_MAX_LINE_BYTES",
    "INGEST_BACKLOG_LIMIT",
    "INGEST_MAX_ATTEMPTS",
    "METRIC_RETENTION_DAYS",
    "METRIC_ROLLUP_RETENTION_DAYS",
    "LOG_RETENTION_DAYS",
    "MAX_RETENTION_DAYS",
    "ARCHIVE_AFTER_DAYS",
)


@register
def check_configuration(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    return [
        *_database(),
        *_redis(),
        *_site(),
        *_state(),
        *_file_sources(),
        *_numbers(),
        *_assets(),
    ]


@register(Tags.security, deploy=True)
def check_deployment(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    return [*_public_site()]


def _database() -> Iterator[CheckMessage]:
    engine = settings.DATABASES["default"].get("ENGINE", "")
    if not engine.endswith("postgresql"):
        yield Error(
            f"DATABASE_URL names {engine or 'no database'}; Vedette needs PostgreSQL.",
            hint="Use postgres://user:password@host:5432/name, or leave DATABASE_URL "
            "empty for the embedded server.",
            id="vedette.E001",
        )


def _redis() -> Iterator[CheckMessage]:
    if urlsplit(settings.REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
        yield Error(
            "REDIS_URL is not the address of a Redis.",
            hint="Use redis://host:6379/0, rediss://… or unix:///path?db=0, or leave "
            "it empty for the embedded server.",
            id="vedette.E002",
        )


def _site() -> Iterator[CheckMessage]:
    root = urlsplit(settings.SITE_ROOT)
    if root.scheme not in {"http", "https"} or not root.hostname:
        yield Error(
            f"SITE_ROOT is {settings.SITE_ROOT!r}, which is not an address.",
            hint="Give what people type: https://vedette.example.org.",
            id="vedette.E003",
        )
    if len(settings.SECRET_KEY) < _SHORTEST_SECRET and not settings.DEBUG:
        yield Caution(
            f"SECRET_KEY is shorter than {_SHORTEST_SECRET} characters.",
            hint="Leave it empty to have one made, or use a long random one.",
            id="vedette.W001",
        )


def _state() -> Iterator[CheckMessage]:
    if not os.access(settings.VAR_DIR, os.R_OK | os.W_OK | os.X_OK):
        yield Error(
            f"VAR_DIR, {settings.VAR_DIR}, cannot be written by this user.",
            hint="Give the directory to the user who runs Vedette, or set VAR_DIR.",
            id="vedette.E004",
        )
    secret = settings.VAR_DIR / "secret_key"
    if secret.exists() and secret.stat().st_mode & 0o077:
        yield Error(
            f"Others can read {secret}.",
            hint=f"Run: chmod 600 {secret}",
            id="vedette.E005",
        )


def _file_sources() -> Iterator[CheckMessage]:
    for root in settings.FILE_SOURCE_ROOTS:
        if not root.is_absolute():
            yield Error(
                f"FILE_SOURCE_ROOTS contains {str(root)!r}, which is not absolute.",
                hint="List absolute directories, separated by colons.",
                id="vedette.E006",
            )
        elif root == Path("/"):
            yield Caution(
                "FILE_SOURCE_ROOTS opens every file of this host to file sources.",
                hint="List the directories that hold logs.",
                id="vedette.W002",
            )


def _numbers() -> Iterator[CheckMessage]:
    for name in _POSITIVE:
        if getattr(settings, name) < 1:
            yield Error(
                f"{name} is {getattr(settings, name)}; it must be 1 or more.",
                hint=f"Remove {name} for its default.",
                id="vedette.E007",
            )
    for queue, cluster in _clusters().items():
        if int(cluster["workers"]) < 1:
            yield Error(
                f"Queue {queue} has no worker.",
                hint=f"Set {queue.upper()}_WORKERS to 1 or more.",
                id="vedette.E008",
            )


def _clusters() -> dict[str, dict[str, Any]]:
    main = settings.Q_CLUSTER
    return {main["name"]: main, **main["ALT_CLUSTERS"]}


def _assets() -> Iterator[CheckMessage]:
    if not (settings.BASE_DIR / "static" / "dist").is_dir():
        yield Caution(
            "The scripts and styles of the pages have not been built.",
            hint="Run: npm ci && npm run build (`make up` does).",
            id="vedette.W003",
        )


def _public_site() -> Iterator[CheckMessage]:
    if settings.SITE_ROOT.startswith("http://"):
        yield Caution(
            "SITE_ROOT is not https: passwords and tokens travel in the clear.",
            hint="Put a TLS proxy in front and set SITE_ROOT to its https address.",
            id="vedette.W004",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Caution(
            "ALLOWED_HOSTS accepts any host name.",
            hint="Set ALLOWED_HOSTS to the names under which people reach the site.",
            id="vedette.W005",
        )
    if settings.EMBEDDED_POSTGRES:
        yield Caution(
            "The embedded PostgreSQL serves this host alone and is not replicated.",
            hint="Back up VAR_DIR/postgres with pg_basebackup or pg_dump, or set "
            "DATABASE_URL.",
            id="vedette.W006",
        )
