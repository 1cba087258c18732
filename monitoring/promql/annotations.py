"""Warnings and infos that a query's answer carries, in Prometheus's words."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Annotations:
    """Each text once, in the order of their first appearance."""

    _warnings: dict[str, None] = field(default_factory=dict)
    _infos: dict[str, None] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        self._warnings[f"PromQL warning: {text}"] = None

    def info(self, text: str) -> None:
        self._infos[f"PromQL info: {text}"] = None

    @property
    def warnings(self) -> list[str]:
        return list(self._warnings)

    @property
    def infos(self) -> list[str]:
        return list(self._infos)
