"""The telemetry store: the only place that knows how samples and lines are kept.

`engine` is the store in use, and `Store` all that the services above know of it. The
registry of series and streams stays in PostgreSQL whatever keeps their telemetry.
"""

from __future__ import annotations

from monitoring.store import postgres
from monitoring.store.interface import Store

__all__ = ["Store", "engine"]

# mypy lets a module be the implementation of a protocol.
engine: Store = postgres
