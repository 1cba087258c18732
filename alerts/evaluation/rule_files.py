"""Prometheus's rule files: read with precise complaints, and written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts.evaluation.grouped import GroupedRule, RuleGroupDraft
from alerts.evaluation.languages import PROMQL
from alerts.evaluation.rule_reading import Reading, RuleFile, sequence_of, text_of
from alerts.evaluation.rule_yaml import RuleFileError, load_yaml, write_yaml
from monitoring.durations import format_duration

__all__ = ["RuleFile", "RuleFileError", "write_yaml"]

MAX_GROUPS = 10_000

_FILE_KEYS = frozenset({"groups"})


def read_rule_file(
    text: str, namespace: str, *, default_interval: timedelta = timedelta(minutes=1)
) -> RuleFile:
    """Read a file of groups. Raises RuleFileError with all that is wrong."""
    document = load_yaml(text)
    reading = Reading(namespace, default_interval)
    if not isinstance(document, Mapping) or "groups" not in document:
        raise RuleFileError(["the file must have the key “groups”"])
    reading.unknown(document, _FILE_KEYS, "the file")
    groups = sequence_of(document.get("groups"))
    if groups is None:
        raise RuleFileError(["“groups” must be a list"])
    if len(groups) > MAX_GROUPS:
        raise RuleFileError([f"a file may have {MAX_GROUPS} groups"])
    return reading.outcome([reading.group(each) for each in groups])


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a prometheus.yml says about rules; `rule_files` are patterns of paths."""

    rule_files: list[str]
    interval: timedelta
    jobs: list[str]


def read_server_config(text: str) -> ServerConfig | None:
    """Read a prometheus.yml; None if this is another file. Raises RuleFileError."""
    document = load_yaml(text)
    if not isinstance(document, Mapping) or "groups" in document:
        return None
    if not {"global", "rule_files", "scrape_configs"} & set(document):
        return None
    everywhere = document.get("global")
    given = everywhere if isinstance(everywhere, Mapping) else {}
    reading = Reading("", timedelta(minutes=1))
    interval = reading.interval(
        {"interval": given.get("evaluation_interval")}, "global"
    )
    reading.outcome([])
    scrapes = sequence_of(document.get("scrape_configs")) or []
    return ServerConfig(
        rule_files=[
            text_of(each) for each in sequence_of(document.get("rule_files")) or []
        ],
        interval=interval,
        jobs=[
            text_of(each.get("job_name"))
            for each in scrapes
            if isinstance(each, Mapping)
        ],
    )


def read_group(text: str, namespace: str, language: str = PROMQL) -> RuleFile:
    """Read one group, as a ruler's API takes it. Raises RuleFileError."""
    document = load_yaml(text)
    if not isinstance(document, Mapping):
        raise RuleFileError(["the body must be a rule group"])
    reading = Reading(namespace, timedelta(minutes=1), language)
    return reading.outcome([reading.group(document)])


def check_group(draft: RuleGroupDraft) -> list[str]:
    """Return what is wrong with a group that did not come from a file."""
    reading = Reading(draft.namespace, timedelta(minutes=1), draft.language)
    reading.group(group_document(draft))
    return reading.problems


def group_document(draft: RuleGroupDraft) -> dict[str, Any]:
    """Return the group as a rule file has it."""
    found: dict[str, Any] = {
        "name": draft.name,
        "interval": format_duration(draft.interval),
    }
    if draft.query_offset:
        found["query_offset"] = format_duration(draft.query_offset)
    if draft.limit:
        found["limit"] = draft.limit
    if draft.labels:
        found["labels"] = dict(draft.labels)
    found["rules"] = [_rule_document(rule) for rule in draft.rules]
    return found


def _rule_document(rule: GroupedRule) -> dict[str, Any]:
    word = "alert" if rule.is_alerting else "record"
    found: dict[str, Any] = {word: rule.name, "expr": rule.expr}
    if rule.hold:
        found["for"] = format_duration(rule.hold)
    if rule.keep_firing:
        found["keep_firing_for"] = format_duration(rule.keep_firing)
    if rule.labels:
        found["labels"] = dict(rule.labels)
    if rule.annotations:
        found["annotations"] = dict(rule.annotations)
    return found
