from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from accounts.models import Team
from accounts.scope import Scope, TeamRole
from sources.connectors.file_tail.roots import allowed_roots
from sources.formats import FORMATS
from sources.models import Source
from sources.services.configs import InvalidSourceError, clean_config

# What each step of the wizard asks, and which steps a kind has.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "kind": ("kind",),
    "where": ("paths", "recursive", "read_from", "interval_seconds"),
    "check": ("format",),
    "save": ("name", "labels", "team", "priority", "enabled"),
}
STEPS: Mapping[str, tuple[str, ...]] = {
    Source.Kind.FILE: ("kind", "where", "check", "save"),
    Source.Kind.HOST: ("kind", "where", "save"),
    Source.Kind.PUSH: ("kind", "save"),
}
_OF_KIND = {
    Source.Kind.FILE: {"paths", "recursive", "read_from", "format"},
    Source.Kind.HOST: {"interval_seconds"},
    Source.Kind.PUSH: {"format"},
}
_NORMAL = Source.Priority.NORMAL.value
_OF_ANY = {"kind", "name", "labels", "team", "priority", "enabled"}
# What services call a setting, and which field of the form that is.
_FIELD_OF = {"config.from": "read_from", "config": "paths"}


class SourceForm(forms.Form):
    """All settings of a source; the wizard shows them step by step."""

    kind = forms.ChoiceField(choices=Source.Kind.choices)
    paths = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}), label="Paths", required=False
    )
    recursive = forms.BooleanField(
        label="Directories within directories, too", required=False
    )
    read_from = forms.ChoiceField(
        choices=[("start", "Read what is there already"), ("end", "Only what comes")],
        label="Files that exist already",
        required=False,
    )
    interval_seconds = forms.IntegerField(
        label="Seconds between two looks", required=False, initial=5
    )
    format = forms.ChoiceField(label="Format", required=False)
    name = forms.CharField(label="Name", required=False, max_length=100)
    labels = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Labels",
        help_text="One a line, as env=prod. They are put on all its telemetry.",
        required=False,
    )
    team = forms.ModelChoiceField(
        queryset=Team.unscoped.none(),
        to_field_name="slug",
        empty_label="The whole organization",
        help_text="Only members of this team see what it brings.",
        required=False,
    )
    priority = forms.TypedChoiceField(
        choices=Source.Priority.choices,
        coerce=int,
        initial=Source.Priority.NORMAL,
        help_text="What is more urgent is stored first when much comes at once.",
        required=False,
    )
    enabled = forms.BooleanField(label="Collect from it", required=False, initial=True)

    def __init__(
        self, scope: Scope, *args: Any, source: Source | None = None, **kwargs: Any
    ) -> None:
        if source is not None:
            kwargs["initial"] = initial_of(source) | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self.scope, self.source = scope, source
        self.fields["team"].queryset = _own_teams(scope)  # type: ignore[attr-defined]  # a model choice
        self.fields["format"].choices = [  # type: ignore[attr-defined]  # a choice
            ("", "Recognise it"),
            *((name, known.title) for name, known in FORMATS.items()),
        ]
        roots = ", ".join(allowed_roots(source.config if source else {}))
        self.fields["paths"].help_text = f"One a line, with * and **; below {roots}."

    @property
    def chosen_kind(self) -> str:
        kind = self["kind"].value()
        return kind if kind in Source.Kind.values else Source.Kind.FILE

    @property
    def steps(self) -> tuple[str, ...]:
        """The kind of a source that exists is not asked for."""
        steps = STEPS[self.chosen_kind]
        return steps if self.source is None else steps[1:]

    def shown(self, step: str) -> list[BoundField]:
        wanted = _OF_KIND[Source.Kind(self.chosen_kind)] | _OF_ANY
        return [self[name] for name in FIELDS[step] if name in wanted]

    def clean_labels(self) -> dict[str, str]:
        pairs = [line.split("=", 1) for line in self.cleaned_data["labels"].split("\n")]
        pairs = [[part.strip() for part in pair] for pair in pairs if any(pair)]
        for pair in pairs:
            if len(pair) == 1:
                raise forms.ValidationError(f"Write “{pair[0]}” as name=value.")
        return dict(pairs)

    def config(self) -> dict[str, Any]:
        """Return the settings of the kind, as the services take them."""
        data = self.cleaned_data
        if self.chosen_kind == Source.Kind.PUSH:
            return {}
        if self.chosen_kind == Source.Kind.HOST:
            return {"interval_seconds": data.get("interval_seconds") or 5}
        kept = dict(self.source.config) if self.source else {}
        paths = [line.strip() for line in data.get("paths", "").splitlines()]
        return {
            **kept,
            "paths": [path for path in paths if path],
            "recursive": data.get("recursive", False),
            "from": data.get("read_from") or "start",
        }

    def settings(self) -> dict[str, Any]:
        data = self.cleaned_data
        names = ("name", "labels", "team", "format", "enabled")
        given = {name: data[name] for name in names}
        priority = data["priority"] if data["priority"] != "" else _NORMAL
        return {"config": self.config(), "priority": priority, **given}

    def check(self, steps: Sequence[str]) -> bool:
        """Whether what these steps ask is right; only their errors are shown."""
        self.full_clean()
        if "where" in steps:
            self._check_config()
        asked = {name for step in steps for name in FIELDS[step]}
        for name in [name for name in self.errors if name not in asked]:
            del self.errors[name]
        return not self.errors

    def show(self, error: InvalidSourceError) -> None:
        """Put what a service refused beside the fields."""
        for setting, problems in error.fields.items():
            name = _FIELD_OF.get(setting, setting.removeprefix("config."))
            self.add_error(name if name in self.fields else None, problems)

    def _check_config(self) -> None:
        may_be_builtin = self.source is not None
        try:
            clean_config(self.chosen_kind, self.config(), may_be_builtin=may_be_builtin)
        except InvalidSourceError as error:
            self.show(error)


def initial_of(source: Source) -> dict[str, Any]:
    config = source.config
    return {
        "kind": source.kind,
        "paths": "\n".join(config.get("paths", [])),
        "recursive": config.get("recursive", False),
        "read_from": config.get("from", "start"),
        "interval_seconds": config.get("interval_seconds", 5),
        "format": source.format,
        "name": source.name,
        "labels": "\n".join(f"{k}={v}" for k, v in sorted(source.labels.items())),
        "team": source.team.slug if source.team else None,
        "priority": source.priority,
        "enabled": source.enabled,
    }


def _own_teams(scope: Scope) -> Any:
    teams = Team.objects.visible_to(scope)
    if scope.sees_all_teams:
        return teams
    held = [t for t, role in scope.team_roles.items() if role >= TeamRole.MAINTAINER]
    return teams.filter(pk__in=held)
