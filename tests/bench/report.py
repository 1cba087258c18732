from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def percentile(values: Sequence[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 1) if len(values) else float("nan")


def table(title: str, figures: Mapping[str, object]) -> str:
    width = max(map(len, figures))
    rows = [f"  {name.ljust(width)}  {value}" for name, value in figures.items()]
    return "\n".join([title, *rows])
