"""Work on blocks by all processors: what pyarrow and numpy do leaves Python free."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

WORKERS = min(os.cpu_count() or 1, 4)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="blocks")


# The threads of a parent are not in its child.
os.register_at_fork(after_in_child=_pool.cache_clear)


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield what the work makes of each item, in order, a few items ahead.

    `work` must not touch the database: items are drawn, and results given, in the
    caller's thread.
    """
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(_pool().submit(work, item))
            if len(ahead) > 2 * WORKERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()
