"""Whose the things are that a command makes: `--organization` and `--team`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.models import Organization, Team
from accounts.scope import Scope


def add_owner_arguments(parser: ArgumentParser, *, of_team: str) -> None:
    """`of_team` says what the team is for."""
    parser.add_argument("--organization", required=True, metavar="SLUG")
    parser.add_argument("--team", metavar="SLUG", help=of_team)


def owner_named(options: dict[str, Any]) -> tuple[Scope, Team | None]:
    """Return what the arguments name. Raises CommandError for what there is not."""
    slug, team_slug = options["organization"], options["team"]
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise CommandError(f"There is no organization “{slug}”.")
    scope = Scope.of_system(organization.pk, organization.slug)
    if team_slug is None:
        return scope, None
    team = Team.objects.visible_to(scope).filter(slug=team_slug).first()
    if team is None:
        raise CommandError(f"There is no team “{team_slug}”.")
    return scope, team
