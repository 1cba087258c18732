"""The kinds of sources there are, each declared once in a module of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sources.services.kinds import (
    dns_probe,
    file,
    gelf,
    host,
    http_probe,
    http_stream,
    mqtt,
    push,
    rocketchat,
    scrape,
    statsd,
    syslog,
    tcp_probe,
    tls_probe,
    websocket,
)
from sources.services.kinds.base import Config, Kind

_MODULES = (
    file,
    host,
    push,
    syslog,
    gelf,
    statsd,
    scrape,
    websocket,
    http_stream,
    mqtt,
    rocketchat,
    http_probe,
    tcp_probe,
    tls_probe,
    dns_probe,
)
KINDS: Mapping[str, Kind] = {module.KIND.name: module.KIND for module in _MODULES}
CHOICES = [(kind.name, kind.title) for kind in KINDS.values()]


def with_defaults(kind: Kind, config: Config) -> dict[str, Any]:
    """Return the configuration with what it leaves out."""
    defaults = {s.key: s.default for s in kind.settings if s.default is not None}
    return {**defaults, **config}
