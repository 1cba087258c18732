"""A name to send lines and metrics to."""

from __future__ import annotations

from sources.services.kinds.base import Config, Group, Kind, Probe


def _test(config: Config) -> Probe:
    return Probe(ok=True, text="It takes what is sent to POST /api/v1/logs?source=.")


def _where(name: str, config: Config) -> str:
    return f"POST /api/v1/logs?source={name}"


KIND = Kind(
    name="push",
    title="Push",
    help="A name to send lines and metrics to, over HTTP.",
    icon="send",
    group=Group.PUSHED,
    has_lines=True,
    takes_pushes=True,
    test=_test,
    where=_where,
)
