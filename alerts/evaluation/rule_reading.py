"""What a rule file's groups and rules say, and all that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.evaluation.grouped import GroupedKind, GroupedRule, RuleGroupDraft
from alerts.evaluation.languages import (
    LOGQL,
    PROMQL,
    ExpressionError,
    ExpressionTypeError,
    check_expression,
)
from alerts.evaluation.rule_yaml import RuleFileError
from alerts.evaluation.templates import TemplateError, check_template
from monitoring.durations import milliseconds_of
from monitoring.labels import LABEL_NAME, METRIC_NAME

MAX_RULES = 5000
MAX_NAME = 200
MAX_TEXT = 20_000
MAX_PAIRS = 100

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LONGEST = timedelta(days=365)
_LONGEST_INTERVAL = timedelta(days=1)
# vmalert's words for groups whose rules read lines.
_LOG_TYPES = frozenset({"loki", "logql"})

_GROUP_KEYS = frozenset(
    {"name", "interval", "limit", "query_offset", "labels", "rules"}
)
_RULE_KEYS = frozenset(
    {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
)
# vmalert's and Mimir's own: what they say has no meaning here, and does no harm.
_TOLERATED = frozenset(
    {
        "namespace",
        "type",
        "concurrency",
        "params",
        "headers",
        "notifier_headers",
        "eval_offset",
        "eval_delay",
        "eval_alignment",
        "debug",
        "update_entries_limit",
        "source_tenants",
        "align_evaluation_time_on_interval",
        "evaluation_delay",
        "partial_response_strategy",
        "id",
    }
)


@dataclass(slots=True)
class RuleFile:
    """What a file says; `warnings` are about what was passed over."""

    groups: list[RuleGroupDraft]
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """One file while it is read."""

    namespace: str
    default_interval: timedelta
    # Of groups that do not say theirs.
    language: str = PROMQL
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def outcome(self, groups: list[RuleGroupDraft | None]) -> RuleFile:
        if self.problems:
            raise RuleFileError(self.problems)
        return RuleFile([group for group in groups if group], self.warnings)

    def unknown(
        self, found: Mapping[Any, Any], known: frozenset[str], where: str
    ) -> None:
        for key in found:
            if key not in known and key not in _TOLERATED:
                self.warnings.append(f"{where}: unknown key “{key}”")

    def group(self, found: Any) -> RuleGroupDraft | None:
        if not isinstance(found, Mapping):
            self.problems.append("a group must be a mapping with “name” and “rules”")
            return None
        name = text_of(found.get("name"))
        where = f'group "{name}"'
        if not name:
            self.problems.append("Groupname must not be empty")
        elif len(name) > MAX_NAME:
            self.problems.append(f"{where}: the name is longer than {MAX_NAME}")
        elif name in self.names:
            self.problems.append(f'groupname: "{name}" is repeated in the same file')
        self.names.add(name)
        self.unknown(found, _GROUP_KEYS, where)
        rules = sequence_of(found.get("rules"))
        if rules is None or len(rules) > MAX_RULES:
            self.problems.append(
                f"{where}: “rules” must be a list of {MAX_RULES} at most"
            )
            rules = []
        language = LOGQL if found.get("type") in _LOG_TYPES else self.language
        labels = self._pairs(found.get("labels"), "labels", where)
        return RuleGroupDraft(
            namespace=self.namespace,
            name=name,
            interval=self.interval(found, where),
            limit=self._limit(found, where),
            query_offset=self._duration(found, "query_offset", where),
            labels=labels,
            rules=tuple(
                rule
                for number, each in enumerate(rules, 1)
                if (rule := self._rule(each, f"{where}, rule {number}", language))
            ),
            language=language,
        )

    def interval(self, found: Mapping[str, Any], where: str) -> timedelta:
        interval = self._duration(found, "interval", where)
        if not interval:
            return self.default_interval
        if not timedelta(seconds=1) <= interval <= _LONGEST_INTERVAL:
            self.problems.append(f"{where}: “interval” must be 1s to 1d")
        return interval

    def _limit(self, found: Mapping[str, Any], where: str) -> int:
        text = text_of(found.get("limit"))
        if not text:
            return 0
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            self.problems.append(f"{where}: “limit” must be a whole number")
            return 0
        return int(text)

    def _rule(self, found: Any, where: str, language: str) -> GroupedRule | None:
        if not isinstance(found, Mapping):
            self.problems.append(f"{where}: a rule must be a mapping")
            return None
        record, alert = text_of(found.get("record")), text_of(found.get("alert"))
        where = f'{where}, "{record or alert}"'
        self.unknown(found, _RULE_KEYS, where)
        if record and alert:
            self.problems.append(
                f"{where}: only one of 'record' and 'alert' must be set"
            )
            return None
        if not record and not alert:
            self.problems.append(f"{where}: one of 'record' or 'alert' must be set")
            return None
        rule = GroupedRule(
            kind=GroupedKind.RECORDING if record else GroupedKind.ALERTING,
            name=record or alert,
            expr=text_of(found.get("expr")),
            hold=self._duration(found, "for", where),
            keep_firing=self._duration(found, "keep_firing_for", where),
            labels=self._pairs(found.get("labels"), "labels", where),
            annotations=self._pairs(found.get("annotations"), "annotations", where),
        )
        self._check(rule, where, language)
        return rule

    def _check(self, rule: GroupedRule, where: str, language: str) -> None:
        for problem in (
            _expression_problem(rule, language),
            _name_problem(rule),
            _recording_problem(rule),
        ):
            if problem:
                self.problems.append(f"{where}: {problem}")
        if rule.is_alerting:
            for name, text in [*rule.labels.items(), *rule.annotations.items()]:
                try:
                    check_template(text)
                except TemplateError as error:
                    self.problems.append(f"{where}: template of “{name}”: {error}")

    def _duration(self, found: Mapping[str, Any], key: str, where: str) -> timedelta:
        text = text_of(found.get(key))
        if text in {"", "0"}:
            return timedelta(0)
        ms = milliseconds_of(text, ordered=True) if len(text) <= MAX_NAME else None
        if ms is None or ms > _LONGEST / timedelta(milliseconds=1):
            self.problems.append(
                f"{where}: “{key}”: not a valid duration string: {text[:40]!r}"
            )
            return timedelta(0)
        # Whole seconds: nothing is evaluated more often than once in one.
        return timedelta(seconds=-(-ms // 1000))

    def _pairs(self, found: Any, key: str, where: str) -> dict[str, str]:
        if found in (None, "", "null", "~"):
            return {}
        if not isinstance(found, Mapping) or len(found) > MAX_PAIRS:
            self.problems.append(
                f"{where}: “{key}” must be a mapping of {MAX_PAIRS} at most"
            )
            return {}
        for name, text in found.items():
            if not isinstance(text, str) or len(text) > MAX_TEXT:
                self.problems.append(f"{where}: “{key}”: “{name}” must be a text")
            elif not LABEL_NAME.match(str(name)) or name == METRIC_NAME:
                noun = "label" if key == "labels" else "annotation"
                self.problems.append(f"{where}: invalid {noun} name: {name}")
        return {str(name): str(text) for name, text in found.items()}


def _expression_problem(rule: GroupedRule, language: str) -> str:
    if not rule.expr.strip():
        return "field 'expr' must be set in rule"
    if len(rule.expr) > MAX_TEXT:
        return f"the expression is longer than {MAX_TEXT}"
    try:
        check_expression(rule.expr, language)
    except ExpressionError as error:
        return f"could not parse expression: {error}"
    except ExpressionTypeError as error:
        return f"a rule needs an instant vector or a scalar, this is a {error}"
    return ""


def _name_problem(rule: GroupedRule) -> str:
    if len(rule.name) > MAX_NAME:
        return f"the name is longer than {MAX_NAME}"
    if not rule.is_alerting and not _METRIC_NAME.match(rule.name):
        return f"invalid recording rule name: {rule.name}"
    return ""


def _recording_problem(rule: GroupedRule) -> str:
    if rule.is_alerting:
        return ""
    for word, given in (
        ("annotations", rule.annotations),
        ("for", rule.hold),
        ("keep_firing_for", rule.keep_firing),
    ):
        if given:
            return f"invalid field '{word}' in recording rule"
    return ""


def text_of(found: Any) -> str:
    return found if isinstance(found, str) else ""


def sequence_of(found: Any) -> Sequence[Any] | None:
    if found in (None, "", "null", "~"):
        return []
    return found if isinstance(found, list) else None
