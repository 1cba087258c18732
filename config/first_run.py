"""What a new installation finds: someone who can log in, and something to look at."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.scope import Role, Scope, TeamRole
from accounts.services.organizations import (
    add_member,
    add_team_member,
    create_organization,
    create_team,
)
from alerts.services.demo import create_demo_rules
from sources.services.sources import create_source

EMAIL = "admin@vedette.local"
ORGANIZATION = "demo"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the operator must be told, once."""

    email: str
    password: str
    log_file: Path


@transaction.atomic
def ensure() -> Welcome | None:
    """Set up an empty installation; return None for one that has users already."""
    if User.objects.exists():
        return None
    log_file = settings.VAR_DIR / "demo" / "app.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.touch()

    password = secrets.token_urlsafe(12)
    user = User.objects.create_superuser(EMAIL, password, name="Admin")
    organization, _ = create_organization(ORGANIZATION, name="Demo")
    scope = Scope.of_system(organization.pk, organization.slug)
    add_member(scope, user, role=Role.OWNER)
    for slug in ("platform", "payments"):
        team = create_team(scope, slug)
        add_team_member(scope, team, user, role=TeamRole.MAINTAINER)
    _create_sources(scope, log_file.parent)
    create_demo_rules(scope)
    return Welcome(EMAIL, password, log_file)


def _create_sources(scope: Scope, log_directory: Path) -> None:
    host = socket.gethostname()
    create_source(
        scope,
        kind="file",
        name="demo",
        config={"paths": [str(log_directory / "*.log")]},
        labels={"env": "demo"},
    )
    create_source(
        scope, kind="host", name=host, config={"interval_seconds": 5}, labels={}
    )
    create_source(
        scope,
        kind="file",
        name="vedette",
        config={
            "paths": [str(settings.VAR_DIR / "log" / "*.log")],
            "builtin": "platform-logs",
        },
        labels={"app": "vedette"},
    )
