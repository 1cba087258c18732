from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from alerts.evaluation.grouped import RuleGroupDraft
from alerts.evaluation.rule_files import RuleFileError, read_rule_file
from alerts.evaluation.rule_test_files import RuleTestFile, read_test_file
from alerts.services.rule_tests import run_tests


class Command(BaseCommand):
    help = (
        "Runs unit tests of rule files, in the format of `promtool test rules`. Needs no "
        "database; exits with 1 when a test fails."
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for path in options["files"]:
            failures = _failures_of(path)
            failed += bool(failures)
            self.stdout.write(f"{path}: {'FAILED' if failures else 'SUCCESS'}")
            for failure in failures:
                self.stdout.write(f"  {failure}")
        if failed:
            raise CommandError(f"{failed} of {len(options['files'])} files failed.")


def _failures_of(path: Path) -> list[str]:
    """Return what has failed, or what is wrong with the files themselves."""
    try:
        file = read_test_file(_text_of(path))
        return run_tests(file, _groups_of(path.parent, file))
    except RuleFileError as error:
        return error.problems


def _groups_of(directory: Path, file: RuleTestFile) -> list[RuleGroupDraft]:
    """Raises RuleFileError."""
    groups: list[RuleGroupDraft] = []
    for pattern in file.rule_files:
        base = Path("/") if Path(pattern).is_absolute() else directory
        paths = sorted(base.glob(pattern.lstrip("/"))) if pattern else []
        if not paths:
            raise RuleFileError([f"there is no rule file “{pattern}”"])
        for path in paths:
            try:
                groups += read_rule_file(_text_of(path), path.stem).groups
            except RuleFileError as error:
                raise RuleFileError([f"{path}: {p}" for p in error.problems]) from None
    return groups


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RuleFileError([f"{path}: {error}"]) from None
