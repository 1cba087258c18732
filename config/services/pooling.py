"""Connections of the web process: kept in a pool, whichever thread serves a request.

Any thread may serve the next ASGI request: kept by thread (CONN_MAX_AGE), connections
would be as many as threads have ever been. Workers fork, and keep theirs by process.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

# How long a request waits for a connection before it is answered 503.
WAIT_SECONDS = 5.0


def use_pool(database: MutableMapping[str, Any], *, size: int) -> None:
    """Let this process share at most `size` connections; 0 leaves all as it is.

    A connection is checked before it is lent, so one that the server has dropped is
    replaced. Call before the first connection is made.
    """
    if not size:
        return
    database["CONN_MAX_AGE"] = 0
    options = database.setdefault("OPTIONS", {})
    options["pool"] = {
        "min_size": 1,
        "max_size": size,
        "timeout": WAIT_SECONDS,
        "max_idle": 300.0,
        "reconnect_timeout": WAIT_SECONDS,
    }
