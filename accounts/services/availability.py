"""What to say when a part of the platform is away for the moment."""

from __future__ import annotations


class UnavailableError(Exception):
    """Something that the answer needs cannot be reached now; the text says what.

    Asking again later may help: the API answers 503 with Retry-After.
    """
