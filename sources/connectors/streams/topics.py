"""MQTT's topics: which filter they fit, and what their parts mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_TOPIC_BYTES = 65_535
_PART = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}\Z")


def filter_problem(topic_filter: str) -> str:
    """Return what is wrong with a filter; empty for nothing."""
    if not 0 < len(topic_filter.encode()) <= MAX_TOPIC_BYTES:
        return "A topic has 1 to 65,535 bytes."
    *before, last = topic_filter.split("/")
    if any("#" in part for part in before) or ("#" in last and last != "#"):
        return f"{topic_filter}: # stands alone, at the end."
    if any("+" in part and part != "+" for part in (*before, last)):
        return f"{topic_filter}: + stands alone between slashes."
    return ""


def fits(topic_filter: str, topic: str) -> bool:
    """Whether a topic is one of those that the filter means."""
    wanted, parts = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return False
    if wanted[-1] == "#":
        wanted.pop()
        parts = parts[: len(wanted)] if len(parts) >= len(wanted) else parts
    return len(wanted) == len(parts) and all(
        one in {"+", part} for one, part in zip(wanted, parts, strict=True)
    )


class TopicPattern:
    """Names for the parts of topics, as in plant/{line}/{machine}/#."""

    def __init__(self, text: str) -> None:
        parts = text.split("/") if text else []
        self._names = {
            place: name[1]
            for place, part in enumerate(parts)
            if (name := _PART.match(part))
        }
        self.filter = "/".join("+" if _PART.match(part) else part for part in parts)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._names.values())

    def labels(self, topic: str) -> Mapping[str, str]:
        """Return the named parts; nothing where the topic is another."""
        if not self.filter or not fits(self.filter, topic):
            return {}
        parts = topic.split("/")
        return {
            name: parts[place]
            for place, name in self._names.items()
            if place < len(parts) and parts[place]
        }
