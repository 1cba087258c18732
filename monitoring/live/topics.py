"""What can be subscribed to; each app registers its own topics when it is ready."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.scope import Scope

CUSTOM_TOPIC = re.compile(r"custom\.[a-z0-9][a-z0-9._-]{0,62}\Z")

# Data for {"action": "request"}: takes the scope and the request's filter.
Snapshot = Callable[[Scope, Mapping[str, Any]], Any]


class UnknownTopicError(LookupError):
    """Nobody publishes on a topic of that name."""


@dataclass(frozen=True, slots=True)
class Topic:
    """`personal`: what is true depends on who looks, so a published event only says
    that something changed, and each client is sent a snapshot of its own scope."""

    name: str
    snapshot: Snapshot | None = None
    personal: bool = False


_topics: dict[str, Topic] = {}


def register(
    name: str, snapshot: Snapshot | None = None, *, personal: bool = False
) -> None:
    _topics[name] = Topic(name, snapshot, personal)


def find(name: object) -> Topic:
    """Return the topic, or a custom one. Raises UnknownTopicError."""
    if isinstance(name, str):
        if name in _topics:
            return _topics[name]
        if CUSTOM_TOPIC.match(name):
            return Topic(name)
    raise UnknownTopicError(
        f"There is no topic {name!r}. Topics: {', '.join(names())}, custom.<name>."
    )


def names() -> list[str]:
    return sorted(_topics)
