from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from typing_extensions import override

from accounts.models import Organization
from monitoring.services import archive


class Command(BaseCommand):
    help = "Move old telemetry to the archive now, or check the archive."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--organization", metavar="SLUG", help="only this one; all by default"
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="read every file and compare it with the manifest; change nothing",
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if not archive.is_configured():
            raise CommandError("Set ARCHIVE_URL first: there is no archive.")
        wanted = Organization.objects.order_by("pk")
        if options["organization"]:
            wanted = wanted.filter(slug=options["organization"])
            if not wanted:
                raise CommandError(f"No organization {options['organization']!r}.")
        try:
            if options["verify"]:
                self._verify(wanted[0].pk if options["organization"] else None)
            else:
                for organization in wanted:
                    self._archive(organization)
        except archive.VaultError as error:
            raise CommandError(str(error)) from None

    def _archive(self, organization: Organization) -> None:
        for moved in archive.archive_organization(organization.pk, timezone.now()):
            self.stdout.write(
                f"{organization.slug}: {moved.day}, {moved.records} records,"
                f" {moved.size} bytes"
            )

    def _verify(self, organization_id: int | None) -> None:
        found = list(archive.problems(organization_id))
        for problem in found:
            self.stderr.write(f"{problem.path} {problem.text}")
        if found:
            raise CommandError(f"{len(found)} problems.")
        self.stdout.write("The archive is as the manifest says.")
