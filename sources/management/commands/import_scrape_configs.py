from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from typing_extensions import override

from accounts.management.owners import add_owner_arguments, owner_named
from accounts.models import Team
from accounts.scope import Scope
from sources.models import Source
from sources.services.prometheus_import import (
    SourceDraft,
    UnreadableConfigError,
    sources_of,
)
from sources.services.sources import InvalidSourceError, create_source, update_source


class Command(BaseCommand):
    help = (
        "Makes a source of each scrape_config of a prometheus.yml. Importing again "
        "changes what has changed: a source is known by its name, the job's."
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        add_owner_arguments(parser, of_team="whose sources they are")
        parser.add_argument(
            "--dry-run", action="store_true", help="check and tell, but write nothing"
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        scope, team = owner_named(options)
        drafts = _drafts(options["file"])
        with transaction.atomic():
            for draft in drafts:
                self.stdout.write(f"{_put(scope, draft, team)}: {draft.name}")
                for key in draft.left_out:
                    self.stderr.write(f"{draft.name}: {key} has no like here.")
            transaction.set_rollback(options["dry_run"])
        if options["dry_run"]:
            self.stdout.write("Nothing is written: this was a dry run.")


def _drafts(path: Path) -> list[SourceDraft]:
    try:
        return sources_of(path.read_text())
    except (OSError, UnicodeDecodeError, UnreadableConfigError) as error:
        raise CommandError(f"{path}: {error}") from None


def _put(scope: Scope, draft: SourceDraft, team: Team | None) -> str:
    existing = Source.objects.visible_to(scope).filter(name=draft.name).first()
    try:
        if existing is None:
            create_source(
                scope, kind="scrape", name=draft.name, config=draft.config, team=team
            )
            return "created"
        changed = update_source(
            scope, existing, kind="scrape", config=draft.config, team=team
        )
    except InvalidSourceError as error:
        raise CommandError(f"{draft.name}: {error}") from None
    return "unchanged" if changed.updated_at == existing.updated_at else "updated"
