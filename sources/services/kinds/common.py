"""Settings that several kinds have."""

from __future__ import annotations

from sources.services.kinds.base import Setting, SettingType

HOST = Setting(
    "host",
    SettingType.TEXT,
    "Collector",
    "Only the collector on the host of this name works it; empty: any.",
    bounds=(0, 253),
    asked=False,
)
