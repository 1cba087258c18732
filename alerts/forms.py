"""A rule as a form: sentences of fields, checked by the same service as the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory

from accounts.models import Team
from accounts.scope import Scope
from alerts.models import NotificationChannel, Rule, RuleLevel, Severity
from alerts.services.rule_checks import MAX_LEVELS
from alerts.services.rule_drafts import (
    InvalidRuleError,
    LevelDraft,
    RuleDraft,
    written_matcher,
)

_COMPARATORS = [
    (RuleLevel.Comparator.GT, "above"),
    (RuleLevel.Comparator.GE, "at or above"),
    (RuleLevel.Comparator.LT, "below"),
    (RuleLevel.Comparator.LE, "at or below"),
    (RuleLevel.Comparator.EQ, "equal to"),
    (RuleLevel.Comparator.NE, "not"),
]


class LevelForm(forms.Form):
    """One level; an empty recovery threshold is the threshold itself."""

    severity = forms.ChoiceField(choices=Severity.choices)
    comparator = forms.ChoiceField(choices=_COMPARATORS)
    threshold = forms.FloatField()
    hold_seconds = forms.IntegerField(required=False, min_value=0, initial=0)
    recovery_threshold = forms.FloatField(required=False)
    channels = forms.ModelMultipleChoiceField(
        queryset=NotificationChannel.unscoped.none(), required=False
    )

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = NotificationChannel.objects.visible_to(scope)
        self.fields["channels"].queryset = channels  # type: ignore[attr-defined]  # a model choice

    def draft(self, before: Mapping[str, LevelDraft]) -> LevelDraft:
        """Return the level; what the form does not ask for stays as it was."""
        given = self.cleaned_data
        known = before.get(given["severity"])
        return LevelDraft(
            severity=given["severity"],
            comparator=given["comparator"],
            threshold=given["threshold"],
            recovery_threshold=given["recovery_threshold"],
            hold_seconds=given["hold_seconds"] or 0,
            keep_firing_seconds=known.keep_firing_seconds if known else 0,
            channels=tuple(given["channels"]),
        )


class BaseLevelFormSet(BaseFormSet[LevelForm]):
    def drafts(self, before: Sequence[LevelDraft]) -> tuple[LevelDraft, ...]:
        known = {level.severity: level for level in before}
        kept = [
            form
            for form in self.forms
            if form.has_changed() and not form.cleaned_data.get("DELETE")
        ]
        return tuple(form.draft(known) for form in kept)


LevelFormSet: type[BaseLevelFormSet] = formset_factory(  # type: ignore[assignment]  # of our base
    LevelForm,
    formset=BaseLevelFormSet,
    extra=0,
    can_delete=True,
    max_num=MAX_LEVELS,
    absolute_max=MAX_LEVELS * 3,
)


class RuleForm(forms.Form):
    name = forms.CharField(max_length=200)
    description = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in Rule.ALONE],
        initial=Rule.Kind.THRESHOLD,
    )
    query = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Every series of its answer is an alert of its own.",
    )
    language = forms.ChoiceField(
        choices=Rule.Language.choices,
        initial=Rule.Language.PROMQL,
        required=False,
        label="Written in",
        help_text="PromQL asks metrics; LogQL counts lines, as they are stored.",
    )
    pattern = forms.CharField(
        required=False,
        strip=False,
        help_text="A regular expression; a line counts once, however often it matches.",
    )
    ignore_case = forms.BooleanField(required=False, label="Ignore case")
    matchers = forms.CharField(
        required=False,
        label="In streams with",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text='One condition a line, as source="app" or env=~"prod|stage".',
    )
    group_by = forms.CharField(
        required=False,
        label="One alert for each",
        help_text="Stream labels, with commas between: source, host.",
    )
    window_seconds = forms.IntegerField(
        label="Count over, in seconds", initial=60, required=False
    )
    interval_seconds = forms.IntegerField(
        label="Look every so many seconds", initial=15, required=False
    )
    no_data = forms.ChoiceField(
        choices=Rule.NoData.choices, initial=Rule.NoData.KEEP, required=False
    )
    team = forms.ModelChoiceField(
        queryset=Team.unscoped.none(),
        to_field_name="slug",
        empty_label="The whole organization",
        help_text="It reads what this team sees, and only the team sees its alerts.",
        required=False,
    )
    enabled = forms.BooleanField(required=False, initial=True, label="Switched on")

    def __init__(self, scope: Scope, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.visible_to(scope)  # type: ignore[attr-defined]  # a model choice

    def clean_matchers(self) -> list[dict[str, str]]:
        found = []
        for line in self.cleaned_data["matchers"].splitlines():
            if not line.strip():
                continue
            matcher = written_matcher(line)
            if matcher is None:
                raise forms.ValidationError(f'“{line}” is no condition: source="app".')
            found.append(matcher)
        return found

    def clean_group_by(self) -> list[str]:
        names = self.cleaned_data["group_by"].replace(",", " ").split()
        return list(dict.fromkeys(names))

    def draft(self, levels: tuple[LevelDraft, ...], before: RuleDraft) -> RuleDraft:
        """Return the rule; what the form does not ask for stays as it was."""
        given = dict(self.cleaned_data)
        given["window_seconds"] = given["window_seconds"] or before.window_seconds
        given["interval_seconds"] = given["interval_seconds"] or before.interval_seconds
        given["no_data"] = given["no_data"] or before.no_data
        given["language"] = given["language"] or before.language
        return replace(before, **given, levels=levels)

    def show(self, error: InvalidRuleError, levels: BaseLevelFormSet) -> None:
        """Put what the service refuses beside the fields that it is about."""
        for name, found in error.fields.items():
            if name == "levels":
                _show_level_errors(levels, found)
            elif name in self.fields:
                self.add_error(name, list(found))
            else:
                self.add_error(None, [f"{name}: {text}" for text in found])


def _show_level_errors(levels: BaseLevelFormSet, found: Sequence[Any]) -> None:
    """Place errors of levels as a whole, or of the n-th that is not deleted."""
    kept = [form for form in levels.forms if not form.cleaned_data.get("DELETE")]
    for index, item in enumerate(found):
        if isinstance(item, str):
            levels.non_form_errors().append(item)
        elif index < len(kept):
            for name, texts in item.items():
                known = name if name in kept[index].fields else None
                kept[index].add_error(known, list(texts))


EMPTY_DRAFT = RuleDraft(name="", kind=Rule.Kind.THRESHOLD, levels=())


def rule_initial(draft: RuleDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "description": draft.description,
        "kind": draft.kind,
        "query": draft.query,
        "language": draft.language,
        "pattern": draft.pattern,
        "ignore_case": draft.ignore_case,
        "matchers": "\n".join(
            f'{m["name"]}{m["op"]}"{m["value"]}"' for m in draft.matchers
        ),
        "group_by": ", ".join(draft.group_by),
        "window_seconds": draft.window_seconds,
        "interval_seconds": draft.interval_seconds,
        "no_data": draft.no_data,
        "team": draft.team.slug if draft.team else None,
        "enabled": draft.enabled,
    }


def level_initial(level: LevelDraft) -> dict[str, Any]:
    return {
        "severity": level.severity,
        "comparator": level.comparator,
        "threshold": level.threshold,
        "hold_seconds": level.hold_seconds,
        "recovery_threshold": level.recovery_threshold,
        "channels": [channel.pk for channel in level.channels],
    }


class RecordingForm(forms.Form):
    """A recording rule, and the group that evaluates it."""

    name = forms.CharField(
        max_length=200,
        label="Store it as",
        help_text="The name of the new metric, as in job:requests:rate5m.",
    )
    expr = forms.CharField(
        label="What to compute",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="PromQL. Every series of its answer is stored under the name above.",
    )
    labels = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text='Added to every series, one a line: team="shop".',
    )
    namespace = forms.CharField(max_length=200, initial="recording")
    group = forms.CharField(
        max_length=200,
        initial="default",
        help_text="Rules of one group are evaluated one after the other.",
    )
    interval_seconds = forms.IntegerField(
        label="Every so many seconds",
        initial=60,
        min_value=1,
        max_value=86_400,
        help_text="Of the whole group.",
    )

    def clean_labels(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["labels"].splitlines():
            if not line.strip():
                continue
            matcher = written_matcher(line)
            if matcher is None or matcher["op"] != "=":
                raise forms.ValidationError(f'“{line}” is no label: team="shop".')
            found[matcher["name"]] = matcher["value"]
        return found


class GroupForm(forms.Form):
    """A whole group, as a rule file has it."""

    text = forms.CharField(
        label="The group, as in a rule file",
        widget=forms.Textarea(attrs={"rows": 16}),
        strip=False,
    )
