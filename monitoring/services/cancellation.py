"""Whether anybody still waits for the answer: asked by readings as they go on.

The web process says so from its event loop; the view's thread hears it, because a
context goes with the request from the one to the other.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar

_gone: ContextVar[threading.Event | None] = ContextVar("client_gone", default=None)


def watch_client() -> threading.Event:
    """Return what to set when this request's client is gone."""
    gone = threading.Event()
    _gone.set(gone)
    return gone


def is_client_gone() -> bool:
    gone = _gone.get()
    return gone is not None and gone.is_set()
