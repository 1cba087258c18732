from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from typing_extensions import override

from accounts.models import Organization, Team
from accounts.scope import Permission
from accounts.services.tokens import create_token

MOST_DAYS = 36_500


class Command(BaseCommand):
    help = "Create an API token and print it, alone, on standard output."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", metavar="SLUG", help="Its organization.")
        parser.add_argument(
            "--platform",
            action="store_true",
            help="For every organization, which X-Scope-OrgID then chooses.",
        )
        parser.add_argument(
            "--scopes",
            required=True,
            help=f"Comma-separated, of {', '.join(Permission)}.",
        )
        parser.add_argument("--team", metavar="SLUG", help="Only as far as this team.")
        parser.add_argument("--days", type=int, metavar="N", help="Until it expires.")
        parser.add_argument("--name", default="")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        organization = self._organization(options)
        days = options["days"]
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days wants a number from 1 to {MOST_DAYS}.")
        _, secret = create_token(
            organization,
            permissions=self._permissions(options["scopes"]),
            name=options["name"],
            team=self._team(organization, options["team"]),
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        self.stdout.write(secret)

    def _organization(self, options: dict[str, Any]) -> Organization | None:
        slug = options["slug"]
        if options["platform"] == bool(slug):
            raise CommandError("Give either an organization's SLUG or --platform.")
        if options["platform"]:
            return None
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"There is no organization {slug!r}.")
        return organization

    def _permissions(self, text: str) -> list[Permission]:
        try:
            return [Permission(word.strip()) for word in text.split(",")]
        except ValueError as error:
            known = ", ".join(Permission)
            raise CommandError(f"{error}: scopes are {known}.") from None

    def _team(self, organization: Organization | None, slug: str | None) -> Team | None:
        if slug is None:
            return None
        if organization is None:
            raise CommandError("--team needs an organization.")
        team = Team.unscoped.filter(organization=organization, slug=slug).first()
        if team is None:
            raise CommandError(f"{organization.slug} has no team {slug!r}.")
        return team
