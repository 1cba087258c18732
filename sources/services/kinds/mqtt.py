"""Topics of an MQTT broker."""

from __future__ import annotations

from typing import Any

from monitoring.labels import LABEL_NAME
from sources.connectors.streams.paths import InvalidPathError
from sources.connectors.streams.readings import Rule
from sources.connectors.streams.templates import names_in
from sources.connectors.streams.topics import TopicPattern, filter_problem
from sources.services.kinds import streaming
from sources.services.kinds.base import (
    Config,
    Errors,
    Setting,
    SettingType,
)

_MAX_RULES = 100
_KEYS = {"name", "topic", "value", "labels"}


def _topics(config: Config) -> list[str]:
    return [told for topic in config["topics"] if (told := filter_problem(topic))][:3]


def _pattern(config: Config) -> list[str]:
    pattern = config["topic_pattern"]
    if not pattern:
        return []
    told = filter_problem(TopicPattern(pattern).filter)
    return [told] if told else []


def _metrics(config: Config) -> list[str]:
    rules = config["metrics"]
    if not isinstance(rules, list) or len(rules) > _MAX_RULES:
        return [f"This must be a list of at most {_MAX_RULES} rules."]
    names = TopicPattern(config.get("topic_pattern") or "").names
    return [told for rule in rules if (told := _rule_problem(rule, names))][:3]


def _rule_problem(rule: Any, names: frozenset[str]) -> str:
    texts = ("name", "topic", "value")
    if not isinstance(rule, dict) or rule.keys() - _KEYS or not rule.get("name"):
        return "A rule has a name, and may have topic, value and labels."
    if any(not isinstance(rule.get(key, ""), str) for key in texts):
        return "The name, the topic and the value of a rule are texts."
    labels = rule.get("labels") or {}
    if not isinstance(labels, dict) or not all(
        isinstance(part, str) for pair in labels.items() for part in pair
    ):
        return "The labels of a rule are an object of paths."
    return _name_problem(rule["name"], names) or _places_problem(rule)


def _name_problem(name: str, names: frozenset[str]) -> str:
    missing = names_in(name) - names
    if missing:
        return f"{{{{{min(missing)}}}}} is no part of the pattern of topics."
    if not names_in(name) and not LABEL_NAME.match(name):
        return f"{name!r} is no name of a metric."
    return ""


def _places_problem(rule: Config) -> str:
    try:
        Rule(rule)
    except InvalidPathError as error:
        return str(error)
    return filter_problem(rule.get("topic", "#"))


def _together(config: Config) -> Errors:
    if config.get("password") and not config.get("username"):
        return {"username": ["A password needs a user."]}
    return {}


def _where(name: str, config: Config) -> str:
    return f"{', '.join(config.get('topics', [])[:3])} at {config.get('url', '')}"


KIND = streaming.kind_of(
    name="mqtt",
    title="MQTT",
    help_text="Subscribes to topics of a broker: lines, and numbers as metrics.",
    icon="stream",
    connector="sources.connectors.streams.mqtt.MqttStream",
    settings=(
        streaming.url_setting(
            "Broker",
            "mqtt://, mqtts://, ws:// or wss://",
            missing="Give the broker's URL, such as mqtts://broker.example.com.",
            check=streaming.url_check("mqtts", "mqtt", "wss", "ws"),
        ),
        Setting(
            "topics",
            SettingType.LINES,
            "Topics",
            "One a line, with + and #.",
            required=True,
            bounds=(1, 100),
            check=_topics,
            missing='Give at least one topic, as ["plant/#"].',
        ),
        Setting(
            "qos",
            SettingType.CHOICE,
            "Quality of service",
            choices=(
                ("0", "0: at most once"),
                ("1", "1: at least once"),
                ("2", "2: exactly once, up to here"),
            ),
            default="1",
        ),
        Setting("username", SettingType.TEXT, "User", bounds=(0, 200)),
        Setting("password", SettingType.SECRET, "Password"),
        Setting(
            "topic_pattern",
            SettingType.TEXT,
            "Parts of topics as labels",
            "Such as plant/{line}/{machine}/#.",
            bounds=(0, 1000),
            check=_pattern,
        ),
        Setting(
            "metrics",
            SettingType.YAML,
            "Metrics",
            "A list of rules with name, topic, value (JSONPath; empty: the message) and "
            "labels (JSONPaths). A message that has such a number is no line.",
            check=_metrics,
        ),
        *streaming.MESSAGES,
        Setting(
            "client_id",
            SettingType.TEXT,
            "Client id",
            "Empty: one of its own. The broker keeps the session under it.",
            bounds=(0, 200),
            advanced=True,
        ),
        streaming.largest_message(),
    ),
    check=_together,
    where=_where,
    tls=tuple(s for s in streaming.TLS if s.key != "tls_server_name"),
)
