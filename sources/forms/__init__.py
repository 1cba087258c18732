from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from accounts.models import Team
from accounts.scope import Scope
from accounts.services.teams import maintained_teams
from sources.formats import FORMATS
from sources.forms.fields import field_of, text_of
from sources.forms.formats import own_formats_help
from sources.forms.rules import (
    RULE_SETTINGS,
    initial_rules,
    place_of,
    rules_of_fields,
)
from sources.models import Source
from sources.services.configs import (
    InvalidSourceError,
    checked_config,
    shown_config,
)
from sources.services.kinds import CHOICES, KINDS
from sources.services.kinds.base import Kind
from sources.services.log_formats import formats_of
from sources.services.processing import checked_processing

# What each step of the wizard asks beside the settings of the kind.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "kind": ("kind",),
    "where": (),
    "check": ("format",),
    "save": ("name", "labels", "team", "priority", "enabled"),
}
_NORMAL = Source.Priority.NORMAL.value


class SourceForm(forms.Form):
    """All settings of a source; the wizard shows them step by step."""

    kind = forms.ChoiceField(choices=CHOICES)
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
    sample = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        label="Lines to try it on",
        help_text="Pasted here, and not stored: the preview shows what becomes of them.",
        required=False,
        max_length=2**20,
        strip=False,
    )

    def __init__(
        self,
        scope: Scope,
        data: Mapping[str, Any] | None = None,
        *,
        source: Source | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.scope, self.source = scope, source
        known = initial_of(source) if source else {}
        super().__init__(data, initial={**known, **(initial or {})})
        for setting in self.chosen.asked:
            self.fields[setting.key] = field_of(setting)
        if self.chosen.has_lines:
            self.fields |= {s.key: field_of(s) for s in RULE_SETTINGS}
        self._set_choices(scope)
        self.fields["format"].help_text = own_formats_help(scope)
        if isinstance(data, QueryDict) and data.get("step") == "kind":
            self.data = self._with_initial(data)

    @property
    def chosen_kind(self) -> str:
        """The kind of a source that exists never changes."""
        if self.source is not None:
            return self.source.kind
        kind = self["kind"].value()
        return kind if kind in KINDS else next(iter(KINDS))

    @property
    def chosen(self) -> Kind:
        return KINDS[self.chosen_kind]

    @property
    def steps(self) -> tuple[str, ...]:
        """The kind of a source that exists is not asked for."""
        steps = self.chosen.steps
        return steps if self.source is None else steps[1:]

    def names(self, step: str) -> list[str]:
        """Return the names of the fields that a step asks."""
        if step == "where":
            return [setting.key for setting in self.chosen.asked]
        if not self.chosen.has_lines:
            return [*FIELDS[step]]
        rules = [setting.key for setting in RULE_SETTINGS]
        if step == "check":
            return [*FIELDS[step], *rules]
        if step == "save" and "check" not in self.chosen.steps:
            return [*FIELDS[step], "format", *rules, "sample"]
        return [*FIELDS[step]]

    def shown(self, step: str) -> list[BoundField]:
        return [self[name] for name in self.names(step)]

    def _set_choices(self, scope: Scope) -> None:
        self.fields["team"].queryset = maintained_teams(scope)  # type: ignore[attr-defined]  # a model choice
        self.fields["format"].choices = [  # type: ignore[attr-defined]  # a choice
            ("", "Recognise it"),
            *((name, known.title) for name, known in formats_of(scope).items()),
            *((name, known.title) for name, known in FORMATS.items()),
        ]

    def _with_initial(self, data: QueryDict) -> QueryDict:
        """Return the data with the defaults of what was not asked yet."""
        filled = data.copy()
        for setting in self.chosen.asked:
            initial = self.fields[setting.key].initial
            if setting.key not in data and initial is not None:
                filled[setting.key] = str(initial)
        return filled

    def clean_labels(self) -> dict[str, str]:
        pairs = [line.split("=", 1) for line in self.cleaned_data["labels"].split("\n")]
        pairs = [[part.strip() for part in pair] for pair in pairs if any(pair)]
        for pair in pairs:
            if len(pair) == 1:
                raise forms.ValidationError(f"Write “{pair[0]}” as name=value.")
        return dict(pairs)

    def config(self) -> dict[str, Any]:
        """Return the settings of the kind, as the services take them.

        What no page asks stays as it is stored.
        """
        kept = shown_config(self.chosen_kind, self.source.config) if self.source else {}
        for setting in self.chosen.asked:
            value = self.cleaned_data.get(setting.key)
            if value in (None, "", setting.default):
                kept.pop(setting.key, None)
            else:
                kept[setting.key] = value
        return kept

    def processing(self) -> dict[str, Any]:
        """Return the rules, as the services take them."""
        if not self.chosen.has_lines:
            return dict(self.source.processing) if self.source else {}
        return rules_of_fields(self.cleaned_data)

    def settings(self) -> dict[str, Any]:
        data = self.cleaned_data
        names = ("name", "labels", "team", "format", "enabled")
        given = {name: data[name] for name in names}
        priority = data["priority"] if data["priority"] != "" else _NORMAL
        done = {"config": self.config(), "processing": self.processing()}
        return {**done, "priority": priority, **given}

    def check(self, steps: Sequence[str]) -> bool:
        """Whether what these steps ask is right; only their errors are shown."""
        self.full_clean()
        if "where" in steps:
            self._check_config()
        if {"check", "save"} & {*steps}:
            self.check_rules()
        asked = {name for step in steps for name in self.names(step)}
        for name in [name for name in self.errors if name not in asked]:
            del self.errors[name]
        return not self.errors

    def show(self, error: InvalidSourceError) -> None:
        """Put what a service refused beside the fields."""
        for setting, told in error.fields.items():
            name, problems = place_of(setting, told)
            if name in self.fields:
                self.add_error(name, problems)
            else:
                self.add_error(None, [f"{name}: {problem}" for problem in problems])

    def check_rules(self) -> None:
        """What a field could not read is told by the field already."""
        try:
            checked_processing(self.processing())
        except InvalidSourceError as error:
            self.show(error)

    def _check_config(self) -> None:
        """What a field could not read is told by the field already."""
        stored = self.source.config if self.source else None
        try:
            checked_config(
                self.chosen_kind,
                self.config(),
                stored=stored,
                may_be_builtin=stored is not None,
            )
        except InvalidSourceError as error:
            told = {f"config.{name}" for name in self.errors}
            fields = {k: v for k, v in error.fields.items() if k not in told}
            self.show(InvalidSourceError(fields))


def initial_of(source: Source) -> dict[str, Any]:
    shown = shown_config(source.kind, source.config)
    asked = KINDS[source.kind].asked
    return {
        **{s.key: text_of(s, shown.get(s.key, s.default)) for s in asked},
        "kind": source.kind,
        "format": source.format,
        "name": source.name,
        "labels": "\n".join(f"{k}={v}" for k, v in sorted(source.labels.items())),
        "team": source.team.slug if source.team else None,
        "priority": source.priority,
        "enabled": source.enabled,
        **initial_rules(source.processing),
    }
