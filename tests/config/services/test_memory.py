from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

# It changes the whole process, so it has one of its own. A batch's column of 8 MB is
# taken and given back again and again.
_PROGRAM = """
import gc, resource
import numpy as np, pyarrow as pa
from config.services.memory import prepare_for_batches

prepare_for_batches()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(1_000_000)
        pa.array(np.arange(1_000_000)).cast(pa.float64())
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(gc.get_freeze_count() > 1000, pa.default_memory_pool().backend_name, faults())
"""


def test_what_a_batch_took_the_next_one_takes_without_the_kernel():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )

    frozen, pool, faults = done.stdout.split()
    assert (frozen, pool) == ("True", "system")
    # Cleared by the kernel each time, they would be 40 times 2,000 pages.
    assert int(faults) < 40_000
