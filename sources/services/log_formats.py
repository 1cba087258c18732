"""Formats that organizations describe themselves: tried, kept, used for their lines."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from accounts.scope import Scope, TeamRole
from accounts.services import audit
from sources.formats import FORMATS, ParsedLine, continuation_mask, preview
from sources.formats.custom import CustomFormat, compile_format
from sources.formats.pattern_language import InvalidFormatError
from sources.models import LogFormat, Source
from sources.services.access import require_team_role
from sources.services.kinds.base import InvalidSourceError

__all__ = ["FormatTest", "InvalidSourceError", "OwnFormats", "own_formats"]

logger = logging.getLogger(__name__)

OwnFormats = Mapping[str, CustomFormat]
SETTINGS = (
    "name",
    "title",
    "syntax",
    "expression",
    "time_format",
    "event_start",
    "example",
    "detected",
)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z")
MOST_FORMATS = 200
_SAMPLE_LINES = 200


@dataclass(frozen=True, slots=True)
class FormatTest:
    """What a description makes of some lines."""

    lines: Sequence[ParsedLine]
    matched: int
    total: int


@dataclass(frozen=True, slots=True)
class Uses:
    """How many sources name a format, and of how many it is recognised."""

    named: int = 0
    recognised: int = 0


def own_formats(
    organization_ids: Collection[int],
) -> dict[int, dict[str, CustomFormat]]:
    """Return the described formats of some organizations, by their names."""
    found: dict[int, dict[str, CustomFormat]] = {}
    for row in LogFormat.unscoped.filter(organization_id__in=organization_ids):
        try:
            compiled = compiled_format(row)
        except InvalidFormatError as error:
            logger.warning("Format %s cannot be used: %s", row.name, error)
            continue
        found.setdefault(row.organization_id, {})[row.name] = compiled
    return found


def formats_of(scope: Scope) -> dict[str, CustomFormat]:
    return own_formats([scope.organization_id]).get(scope.organization_id, {})


def compiled_format(row: LogFormat) -> CustomFormat:
    """Raises InvalidFormatError."""
    return compile_format(
        row.name,
        row.syntax,
        row.expression,
        title=row.title,
        time_format=row.time_format,
        event_start=row.event_start,
        example=row.example,
        detected=row.detected,
    )


def event_starts() -> dict[tuple[int, str], str]:
    """Return how events begin, by organization and format, where formats say it."""
    rows = LogFormat.unscoped.exclude(event_start="")
    keys = rows.values_list("organization_id", "name", "event_start")
    return {(organization_id, name): start for organization_id, name, start in keys}


def uses_of(scope: Scope) -> dict[str, Uses]:
    """Return how many sources that the actor sees have each format."""
    seen = Source.objects.visible_to(scope)
    named = _counted(seen.exclude(format=""), "format")
    recognised = _counted(seen.filter(format=""), "state__detected_format")
    return {
        name: Uses(named.get(name, 0), recognised.get(name, 0))
        for name in {*named, *recognised}
    }


def _counted(sources: QuerySet[Source], column: str) -> dict[str, int]:
    counts = sources.order_by().values_list(column).annotate(Count("pk"))
    return {name: count for name, count in counts if name}


def try_format(
    syntax: str,
    expression: str,
    time_format: str,
    sample: str,
    received_ns: int,
    *,
    event_start: str = "",
) -> FormatTest:
    """Say what a description makes of pasted lines. Raises InvalidSourceError."""
    try:
        compiled = compile_format(
            "test",
            syntax,
            expression,
            time_format=time_format,
            event_start=event_start,
        )
    except InvalidFormatError as error:
        raise InvalidSourceError({error.setting: [str(error)]}) from None
    lines = _events(sample.splitlines()[:_SAMPLE_LINES], event_start)
    seen = preview(lines, compiled, received_ns=received_ns) if lines else []
    return FormatTest(seen, sum(line.matched for line in seen), len(seen))


def _events(lines: list[str], event_start: str) -> list[str]:
    if not event_start or not lines:
        return lines
    column = pa.array(lines, pa.large_string())
    heads = np.flatnonzero(~continuation_mask(column, event_start=event_start))
    bounds = [0, *(int(head) for head in heads if head), len(lines)]
    return ["\n".join(lines[a:b]) for a, b in pairwise(bounds)]


@transaction.atomic
def create_format(scope: Scope, **settings: Any) -> LogFormat:
    """Raises InvalidSourceError and PermissionRefusedError."""
    require_team_role(scope, None, TeamRole.MAINTAINER)
    held = LogFormat.objects.visible_to(scope)
    if held.count() >= MOST_FORMATS:
        raise InvalidSourceError({"name": [f"There may be {MOST_FORMATS} at most."]})
    row = LogFormat(organization_id=scope.organization_id, **settings)
    _save(row)
    audit.record(scope, "log_format.create", row, after=_shown(row))
    return row


@transaction.atomic
def update_format(scope: Scope, row: LogFormat, **changes: Any) -> LogFormat:
    """Raises InvalidSourceError and PermissionRefusedError."""
    require_team_role(scope, None, TeamRole.MAINTAINER)
    row = LogFormat.objects.visible_to(scope).select_for_update().get(pk=row.pk)
    before = _shown(row)
    if changes.get("name", row.name) != row.name:
        _refuse_while_used(scope, row.name)
    for name, value in changes.items():
        setattr(row, name, value)
    old, new = audit.differences(before, _shown(row))
    if new:
        _save(row)
        audit.record(scope, "log_format.update", row, before=old, after=new)
    return row


@transaction.atomic
def delete_format(scope: Scope, row: LogFormat) -> None:
    """Raises InvalidSourceError and PermissionRefusedError."""
    require_team_role(scope, None, TeamRole.MAINTAINER)
    _refuse_while_used(scope, row.name)
    audit.record(scope, "log_format.delete", row, before=_shown(row))
    row.delete()


def _refuse_while_used(scope: Scope, name: str) -> None:
    sources = Source.unscoped.filter(organization_id=scope.organization_id, format=name)
    used = sources.count()
    if used:
        many = "A source has" if used == 1 else f"{used} sources have"
        raise InvalidSourceError(
            {"name": [f"{many} this format: give them another one first."]}
        )


def _save(row: LogFormat) -> None:
    errors = _problems(row)
    if errors:
        raise InvalidSourceError(errors)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        told = f"There is a format named “{row.name}” already."
        raise InvalidSourceError({"name": [told]}) from None


def _problems(row: LogFormat) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if not _NAME.match(row.name):
        told = "A name has up to 40 small letters, digits, - and _; a letter is first."
        errors["name"] = [told]
    elif row.name in FORMATS:
        errors["name"] = [f"“{row.name}” is a format that Vedette knows by itself."]
    if row.syntax not in {syntax.value for syntax in LogFormat.Syntax}:
        errors["syntax"] = ["This must be regex or pattern."]
        return errors
    try:
        compiled_format(row)
    except InvalidFormatError as error:
        errors[error.setting] = [str(error)]
    return errors


def _shown(row: LogFormat) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SETTINGS}
