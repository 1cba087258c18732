"""What was looked up a moment ago and is still believed: tokens, senders, sources."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Self, TypeVar

# What has changed elsewhere, as a revoked token, is believed this long at most.
BELIEVED_SECONDS = 3.0

Value = TypeVar("Value")


class RefusalError(Exception):
    """A refusal that is an answer as others are: it may be kept, and raised again."""

    @abstractmethod
    def again(self) -> Self:
        """Return a copy: an exception that was raised carries its traceback."""


class Believed(Generic[Value]):
    """Answers of a slow look-up, kept for seconds; refusals are answers too."""

    def __init__(
        self,
        seconds: float = BELIEVED_SECONDS,
        *,
        most: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, tuple[float, Value | RefusalError]] = (
            OrderedDict()
        )
        self._times_forgotten = 0

    def get(self, key: object) -> Value | None:
        """Return what is known, or None. Raises RefusalError when that is known."""
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
        if value is None or until < self._clock():
            return None
        if isinstance(value, RefusalError):
            raise value.again()
        return value

    def look_up(self, key: object, ask: Callable[[], Value]) -> Value:
        """Ask anew and keep the answer. Raises what `ask` raises."""
        asked_at = self._times_forgotten
        try:
            value = ask()
        except RefusalError as refused:
            self._keep(key, refused, asked_at)
            raise
        self._keep(key, value, asked_at)
        return value

    def forget(self, key: object) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._times_forgotten += 1

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._times_forgotten += 1

    def _keep(self, key: object, value: Value | RefusalError, asked_at: int) -> None:
        with self._lock:
            # An answer from before something changed may be the old one.
            if asked_at != self._times_forgotten:
                return
            self._kept[key] = (self._clock() + self._seconds, value)
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
