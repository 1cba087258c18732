from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from accounts.services.organizations import create_organization


class Command(BaseCommand):
    help = "Create organizations; those that exist already are left as they are."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs="+", metavar="SLUG")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        for slug in options["slugs"]:
            try:
                _, created = create_organization(slug)
            except ValidationError as error:
                raise CommandError(f"{slug}: {' '.join(error.messages)}") from None
            self.stdout.write(f"{slug} {'created' if created else 'exists'}")
