from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from typing_extensions import override

from accounts.models import Organization, User
from accounts.scope import Role, Scope, TeamRole
from accounts.services.organizations import add_member, add_team_member, create_team


class Command(BaseCommand):
    help = "Create a user, or give an existing one a place in an organization."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--password", help="A random one is printed without it.")
        parser.add_argument("--organization", metavar="SLUG")
        parser.add_argument(
            "--role", choices=[role.name.lower() for role in Role], default="member"
        )
        parser.add_argument("--team", metavar="SLUG", help="Made if it is missing.")
        parser.add_argument(
            "--team-role",
            choices=[role.name.lower() for role in TeamRole],
            default="responder",
        )
        parser.add_argument(
            "--superuser", action="store_true", help="May administer the platform."
        )

    @transaction.atomic
    @override
    def handle(self, *args: Any, **options: Any) -> None:
        user = self._user(options)
        if options["organization"]:
            self._join(user, options)

    def _user(self, options: dict[str, Any]) -> User:
        email = options["email"].lower()
        found = User.objects.filter(email=email).first()
        if found is not None:
            self.stderr.write(f"{email} exists; its password is left as it is.")
            return found
        password = options["password"] or secrets.token_urlsafe(12)
        try:
            validate_email(email)
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        create = (
            User.objects.create_superuser
            if options["superuser"]
            else User.objects.create_user
        )
        user = create(email, password, name=options["name"])
        if not options["password"]:
            self.stdout.write(password)
        return user

    def _join(self, user: User, options: dict[str, Any]) -> None:
        slug = options["organization"]
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"There is no organization {slug!r}: create it first.")
        scope = Scope.of_system(organization.pk, slug)
        add_member(scope, user, role=Role[options["role"].upper()])
        if options["team"]:
            team = create_team(scope, options["team"])
            role = TeamRole[options["team_role"].upper()]
            add_team_member(scope, team, user, role=role)
