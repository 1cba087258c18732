from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from accounts.models import AuditEntry, Organization
from accounts.services.audit import first_break


class Command(BaseCommand):
    help = "Prove that no audit entry was changed, removed or slipped in."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        organizations = Organization.objects.order_by("slug")
        if options["slugs"]:
            organizations = organizations.filter(slug__in=options["slugs"])
        broken = [self._verify(organization) for organization in organizations]
        if any(broken):
            raise CommandError("The audit log is not as it was written.")

    def _verify(self, organization: Organization) -> bool:
        broken = first_break(organization.pk)
        count = AuditEntry.unscoped.filter(organization=organization).count()
        verdict = f"broken at entry {broken.sequence}" if broken else "intact"
        self.stdout.write(f"{organization.slug}: {count} entries, {verdict}")
        return broken is not None
