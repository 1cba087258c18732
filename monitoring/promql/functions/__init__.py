"""The functions of the language, by name."""

from __future__ import annotations

from collections.abc import Callable

from monitoring.promql.context import Evaluation
from monitoring.promql.functions import (
    absence,
    conversions,
    histograms,
    labelling,
    sorting,
)
from monitoring.promql.functions.clock import CLOCK_PARTS, call_clock_part
from monitoring.promql.functions.elementwise import MAPPINGS, call_clamp, call_mapping
from monitoring.promql.functions.info import call_info
from monitoring.promql.functions.ranges import RANGE_FUNCTIONS, call_range_function
from monitoring.promql.syntax import Call
from monitoring.promql.values import Grid, Value

Function = Callable[[Evaluation, Call, Grid], Value]

FUNCTIONS: dict[str, Function] = {
    **dict.fromkeys(CLOCK_PARTS, call_clock_part),
    **dict.fromkeys(MAPPINGS, call_mapping),
    **dict.fromkeys(RANGE_FUNCTIONS, call_range_function),
    "absent": absence.call_absent,
    "absent_over_time": absence.call_absent_over_time,
    "clamp": call_clamp,
    "end": conversions.call_end,
    "histogram_avg": histograms.call_native_only,
    "histogram_count": histograms.call_native_only,
    "histogram_fraction": histograms.call_histogram_fraction,
    "histogram_quantile": histograms.call_histogram_quantile,
    "histogram_quantiles": histograms.call_histogram_quantiles,
    "histogram_stddev": histograms.call_native_only,
    "histogram_stdvar": histograms.call_native_only,
    "histogram_sum": histograms.call_native_only,
    "info": call_info,
    "label_join": labelling.call_label_join,
    "label_replace": labelling.call_label_replace,
    "max_of": conversions.call_max_of,
    "min_of": conversions.call_min_of,
    "pi": conversions.call_pi,
    "range": conversions.call_range,
    "scalar": conversions.call_scalar,
    "sort": sorting.call_sort,
    "sort_by_label": sorting.call_sort_by_label,
    "sort_by_label_desc": sorting.call_sort_by_label,
    "sort_desc": sorting.call_sort,
    "start": conversions.call_start,
    "step": conversions.call_step,
    "time": conversions.call_time,
    "timestamp": conversions.call_timestamp,
    "vector": conversions.call_vector,
}
