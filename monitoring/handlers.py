"""What monitoring offers on the live socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts.scope import Scope
from monitoring.live import topics
from monitoring.services import patterns, presentation
from monitoring.services.pattern_news import TOPIC as PATTERNS


def register_topics() -> None:
    topics.register("logs", _latest_lines)
    topics.register("metrics", _latest_samples)
    topics.register(PATTERNS, _newest_patterns)


def _latest_lines(scope: Scope, wanted: Mapping[str, Any]) -> Any:
    return presentation.latest_lines(scope, wanted, now=timezone.now())


def _latest_samples(scope: Scope, wanted: Mapping[str, Any]) -> Any:
    named = wanted.get("names") or wanted.get("name") or []
    names = [str(name) for name in (named if isinstance(named, list) else [named])]
    return presentation.snapshot(scope, names=names, now=timezone.now())


def _newest_patterns(scope: Scope, wanted: Mapping[str, Any]) -> Any:
    return patterns.newest(scope)
