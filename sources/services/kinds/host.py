"""The host that the collector runs on."""

from __future__ import annotations

from sources.services.kinds.base import (
    Config,
    Group,
    Kind,
    Probe,
    Setting,
    SettingType,
)
from sources.services.kinds.common import HOST


def _test(config: Config) -> Probe:
    return Probe(ok=True, text="The host that the collector runs on is readable.")


def _where(name: str, config: Config) -> str:
    return f"every {config.get('interval_seconds', 5)} s"


KIND = Kind(
    name="host",
    title="Host metrics",
    help="CPU, memory, disks and network of the host of the collector.",
    icon="server",
    group=Group.HERE,
    connector="sources.connectors.host.HostMetrics",
    test=_test,
    where=_where,
    settings=(
        Setting(
            "interval_seconds",
            SettingType.SECONDS,
            "Seconds between two looks",
            default=5,
            bounds=(1, 300),
        ),
        HOST,
    ),
)
