from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from typing_extensions import override

from accounts.management.owners import add_owner_arguments, owner_named
from alerts.evaluation.grouped import RuleGroupDraft
from alerts.evaluation.rule_files import (
    RuleFileError,
    read_rule_file,
    read_server_config,
)
from alerts.services.rule_drafts import InvalidRuleError
from alerts.services.rule_groups import Written, put_group

MINUTE = timedelta(minutes=1)
EXAMPLES = 20


class Command(BaseCommand):
    help = (
        "Imports Prometheus's rule files, or those that a prometheus.yml names. Importing "
        "again changes what has changed: a group is known by its namespace and name."
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
        add_owner_arguments(parser, of_team="whose rules they are")
        parser.add_argument(
            "--namespace", help="instead of the file's name without its ending"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="check and tell, but write nothing"
        )
        parser.add_argument(
            "--strict", action="store_true", help="refuse keys that are not known"
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        scope, team = owner_named(options)
        drafts = self._read(options)
        now = timezone.now()
        counts: Counter[str] = Counter()
        with transaction.atomic():
            for path, draft in drafts:
                try:
                    outcome = put_group(scope, draft, team, now=now)
                except InvalidRuleError as error:
                    raise CommandError(f"{path}: {error}") from None
                counts[outcome.written] += 1
                if outcome.written is not Written.UNCHANGED:
                    self.stdout.write(f"{outcome.written}: {outcome.group}")
            transaction.set_rollback(options["dry_run"])
        said = ", ".join(f"{counts[each]} {each}" for each in Written)
        rules = sum(len(draft.rules) for _, draft in drafts)
        ending = (
            " Nothing is written: this was a dry run." if options["dry_run"] else ""
        )
        self.stdout.write(f"{len(drafts)} groups of {rules} rules: {said}.{ending}")

    def _read(self, options: dict[str, Any]) -> list[tuple[Path, RuleGroupDraft]]:
        """Read all files before anything is written."""
        drafts: list[tuple[Path, RuleGroupDraft]] = []
        problems: list[str] = []
        for path, interval in self._rule_files(options["files"]):
            try:
                found = read_rule_file(
                    _text_of(path),
                    options["namespace"] or path.name.partition(".")[0],
                    default_interval=interval,
                )
            except RuleFileError as error:
                problems += [f"{path}: {problem}" for problem in error.problems]
                continue
            if options["strict"]:
                problems += [f"{path}: {warning}" for warning in found.warnings]
            for warning in found.warnings:
                self.stderr.write(f"{path}: {warning}")
            drafts += [(path, draft) for draft in found.groups]
        _refuse(problems + _twice(drafts))
        return drafts

    def _rule_files(self, paths: list[Path]) -> Iterator[tuple[Path, timedelta]]:
        """Yield the rule files; a prometheus.yml stands for those that it names."""
        for path in paths:
            try:
                config = read_server_config(_text_of(path))
            except RuleFileError:
                config = None  # It is read as a rule file, which tells what is wrong.
            if config is None:
                yield path, MINUTE
                continue
            if config.jobs:
                jobs = ", ".join(config.jobs[:EXAMPLES])
                self.stderr.write(
                    f"{path}: scrape jobs are left to import_scrape_configs: {jobs}"
                )
            for pattern in config.rule_files:
                for found in _glob(path.parent, pattern):
                    yield found, config.interval


def _glob(directory: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        directory, pattern = Path("/"), pattern.lstrip("/")
    return sorted(directory.glob(pattern)) if pattern else []


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}") from None


def _twice(drafts: list[tuple[Path, RuleGroupDraft]]) -> list[str]:
    counts = Counter((draft.namespace, draft.name) for _, draft in drafts)
    return [
        f'group "{name}" stands twice in the namespace “{namespace}”: name other namespaces'
        for (namespace, name), count in counts.items()
        if count > 1
    ]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise CommandError("\n".join(problems))
