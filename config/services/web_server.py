"""What the web process asks of daphne and of the interpreter beneath it."""

from __future__ import annotations

from functools import lru_cache

from twisted.web import http

from config.services.memory import leave_loaded_alone


def spare_work() -> None:
    """Call once everything is loaded."""
    _remember_content_types()
    leave_loaded_alone()


def _remember_content_types() -> None:
    """Twisted parses a POST's Content-Type as e-mail's: a tenth of what a push costs.

    There are few of them. The name is Twisted's own, so it may go away.
    """
    parse = getattr(http, "_parseContentType", None)
    if parse is not None:
        vars(http)["_parseContentType"] = lru_cache(maxsize=256)(parse)
