"""The functions of the language, by name."""

from __future__ import annotations

from collections.abc import Callable

from monitoring.promql.context import Evaluation
from monitoring.promql.functions import conversions
from monitoring.promql.functions.elementwise import MAPPINGS, call_clamp, call_mapping
from monitoring.promql.functions.ranges import RANGE_FUNCTIONS, call_range_function
from monitoring.promql.syntax import Call
from monitoring.promql.values import Grid, Value

Function = Callable[[Evaluation, Call, Grid], Value]

FUNCTIONS: dict[str, Function] = {
    **dict.fromkeys(MAPPINGS, call_mapping),
    **dict.fromkeys(RANGE_FUNCTIONS, call_range_function),
    "clamp": call_clamp,
    "end": conversions.call_end,
    "max_of": conversions.call_max_of,
    "min_of": conversions.call_min_of,
    "pi": conversions.call_pi,
    "range": conversions.call_range,
    "scalar": conversions.call_scalar,
    "start": conversions.call_start,
    "step": conversions.call_step,
    "time": conversions.call_time,
    "timestamp": conversions.call_timestamp,
    "vector": conversions.call_vector,
}
