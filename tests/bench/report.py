from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def percentile(values: Sequence[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 1) if len(values) else float("nan")


def cpu_seconds(pid: int) -> float:
    """Return the processor's time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(title: str, figures: Mapping[str, object]) -> str:
    width = max(map(len, figures))
    rows = [f"  {name.ljust(width)}  {value}" for name, value in figures.items()]
    return "\n".join([title, *rows])
