"""What processes ask of the interpreter and the C library beneath it.

A worker takes and gives back hundreds of megabytes a second. What the C library keeps
for the next batch is not cleared by the kernel again, page by page.
"""

from __future__ import annotations

import ctypes
import gc

import pyarrow as pa

# The parameters of mallopt(3), of glibc alone.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# What a worker may keep of what it once needed; blocks up to the largest size that
# glibc takes for this come out of it.
KEPT_BYTES, LARGEST_BYTES = 256 * 2**20, 32 * 2**20


def prepare_for_batches() -> None:
    """Call once everything is loaded, before workers are forked."""
    keep_memory()
    leave_loaded_alone()


def leave_loaded_alone() -> None:
    """Each full collection would look through all modules: 50 ms of everybody's time."""
    gc.collect()
    gc.freeze()


def keep_memory() -> None:
    """Give back to the kernel only what exceeds what a large batch takes."""
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    adjust(_TRIM_THRESHOLD, KEPT_BYTES)
    adjust(_MMAP_THRESHOLD, LARGEST_BYTES)
    # Arrow's own pool gives back at once.
    pa.set_memory_pool(pa.system_memory_pool())
