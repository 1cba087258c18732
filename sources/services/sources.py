"""Sources are made, changed and deleted here, and nowhere else: checked and audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Team
from accounts.scope import ActorKind, Scope, TeamRole
from accounts.services import audit
from sources.formats import FORMATS
from sources.models import DeadLetter, InboxBatch, Source, SourceState
from sources.protocols.label_sets import InvalidLabelsError, check_labels
from sources.services.access import (
    PermissionRefusedError,
    has_team_role,
    require_team_role,
)
from sources.services.bindings import API_SOURCE
from sources.services.configs import (
    BUILTIN,
    Errors,
    InvalidSourceError,
    checked_config,
    shown_config,
)
from sources.services.kinds import KINDS
from sources.services.log_formats import formats_of
from sources.services.probing import preview_source, test_source
from sources.services.processing import checked_processing
from sources.services.state import note_error

__all__ = [
    "InvalidSourceError",
    "PermissionRefusedError",
    "Settings",
    "create_source",
    "delete_source",
    "may_change",
    "note_error",
    "preview_source",
    "test_source",
    "update_source",
]

MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about a source that people decide, as anyone may see it."""

    kind: str
    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    team: Team | None = None
    format: str = ""
    processing: Mapping[str, Any] = field(default_factory=dict)
    priority: int = Source.Priority.NORMAL
    enabled: bool = True

    @classmethod
    def of(cls, source: Source) -> Settings:
        plain = {f.name: getattr(source, f.name) for f in fields(cls)}
        return cls(**{**plain, "config": shown_config(source.kind, source.config)})

    def shown(self) -> dict[str, Any]:
        """Return the settings for the audit log."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["config"] = shown_config(self.kind, self.config)
        return {**plain, "team": self.team.slug if self.team else None}


@transaction.atomic
def create_source(scope: Scope, *, kind: str, name: str, **settings: Any) -> Source:
    """Raises InvalidSourceError and PermissionRefusedError."""
    wanted = _checked(scope, Settings(kind, name, **settings))
    _require_maintainer(scope, wanted.team)
    source = Source(organization_id=scope.organization_id)
    _apply(source, wanted)
    SourceState.objects.create(source=source)
    audit.record(scope, "source.create", source, after=wanted.shown())
    return source


@transaction.atomic
def update_source(scope: Scope, source: Source, **changes: Any) -> Source:
    """Change the named settings; nothing at all is recorded when nothing differs.

    Raises InvalidSourceError and PermissionRefusedError.
    """
    locked = Source.objects.visible_to(scope).select_for_update(of=("self",))
    source = locked.select_related("team").get(pk=source.pk)
    _require_maintainer(scope, source.team)
    before = Settings.of(source)
    if changes.get("kind", before.kind) != before.kind:
        raise InvalidSourceError({"kind": ["The kind of a source never changes."]})
    wanted = _checked(scope, replace(before, **changes), source)
    _require_maintainer(scope, wanted.team)
    changed = [
        each.name
        for each in fields(wanted)
        if getattr(wanted, each.name) != getattr(source, each.name)
    ]
    if changed:
        _apply(source, wanted)
        old, new = before.shown(), wanted.shown()
        audit.record(
            scope,
            "source.update",
            source,
            before={key: old[key] for key in changed},
            after={key: new[key] for key in changed},
        )
    return source


@transaction.atomic
def delete_source(scope: Scope, source: Source) -> None:
    """What is stored stays; what still waits in the inbox is stored without the source.

    Raises PermissionRefusedError.
    """
    _require_maintainer(scope, source.team)
    InboxBatch.objects.filter(source=source).update(source=None)
    DeadLetter.objects.visible_to(scope).filter(source=source).update(source=None)
    audit.record(scope, "source.delete", source, before=Settings.of(source).shown())
    source.delete()


def may_change(scope: Scope, source: Source) -> bool:
    """Whether the actor's role is high enough; for what a page offers."""
    return has_team_role(scope, source.team_id, TeamRole.MAINTAINER)


def _require_maintainer(scope: Scope, team: Team | None) -> None:
    require_team_role(scope, team.pk if team else None, TeamRole.MAINTAINER)


def _apply(source: Source, wanted: Settings) -> None:
    for each in fields(wanted):
        setattr(source, each.name, getattr(wanted, each.name))
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError:
        taken = f"There is a source named “{wanted.name}” already."
        raise InvalidSourceError({"name": [taken]}) from None


# --- Checks ----------------------------------------------------------------------------


def _checked(scope: Scope, wanted: Settings, source: Source | None = None) -> Settings:
    """Return the settings as they are stored. Raises InvalidSourceError."""
    wanted = replace(wanted, name=wanted.name.strip())
    errors: Errors = {}
    if wanted.kind not in KINDS:
        kinds = ", ".join(KINDS)
        raise InvalidSourceError({"kind": [f"This must be one of {kinds}."]})
    for key, problem in _problems(scope, wanted):
        errors.setdefault(key, []).append(problem)
    try:
        config = checked_config(
            wanted.kind,
            wanted.config,
            stored=source.config if source else None,
            may_be_builtin=_may_be_builtin(scope, wanted, source),
        )
    except InvalidSourceError as error:
        errors.update(error.fields)
    try:
        processing = checked_processing(wanted.processing)
    except InvalidSourceError as error:
        errors.update(error.fields)
    if errors:
        raise InvalidSourceError(errors)
    labels = {k: v for k, v in wanted.labels.items() if v}
    return replace(wanted, labels=labels, config=config, processing=processing)


def _problems(scope: Scope, wanted: Settings) -> list[tuple[str, str]]:
    found = [("name", problem) for problem in _name_problems(wanted.name)]
    try:
        check_labels(wanted.labels)
    except InvalidLabelsError as error:
        found.append(("labels", f"{error}."))
    if "source" in wanted.labels:
        found.append(("labels", "“source” is always the name: leave it out."))
    own = () if wanted.format in {"", *FORMATS} else formats_of(scope)
    if wanted.format and wanted.format not in {*FORMATS, *own}:
        formats = ", ".join([*FORMATS, *own])
        found.append(("format", f"There is no format {wanted.format!r}: {formats}."))
    if wanted.priority not in Source.Priority.values:
        found.append(("priority", "This must be 0 (high), 1 (normal) or 2 (low)."))
    team = wanted.team
    if team is not None and team.organization_id != scope.organization_id:
        found.append(("team", "There is no such team."))
    return found


def _name_problems(name: str) -> list[str]:
    if not name or "\x00" in name:
        return ["Give it a name."]
    if len(name) > MAX_NAME:
        return [f"A name has at most {MAX_NAME} characters."]
    if name == API_SOURCE:
        return [
            f"“{API_SOURCE}” stands for pushes that name no source: choose another."
        ]
    return []


def _may_be_builtin(scope: Scope, wanted: Settings, source: Source | None) -> bool:
    """The platform's own logs lie outside the roots: its marker cannot be made up."""
    if scope.actor.kind == ActorKind.SYSTEM:
        return True
    kept = source.config if source else {}
    return bool(kept.get(BUILTIN)) and all(
        wanted.config.get(key) == kept.get(key) for key in (BUILTIN, "paths")
    )
