"""Numbers as Go prints them, which label values and annotations repeat."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

# Go's %g changes to an exponent from here on.
_LARGEST_EXPONENT = 6
_SMALLEST_EXPONENT = -4


def plain(number: float) -> str:
    """Return the shortest text without an exponent, as strconv's 'f' does."""
    return _special(number) or np.format_float_positional(number, trim="-")


def general(number: float) -> str:
    """Return what %g makes of a number: an exponent for large and small ones."""
    special = _special(number)
    if special:
        return special
    digits = Decimal(repr(number)).normalize()
    exponent = digits.adjusted() if number else 0
    if _SMALLEST_EXPONENT <= exponent < _LARGEST_EXPONENT:
        return plain(number)
    return exponential(number)


def exponential(number: float) -> str:
    """Return the shortest text with an exponent, as strconv's 'e' does: 1e+00."""
    return _special(number) or np.format_float_scientific(
        number, trim="-", exp_digits=2
    )


def open_metrics(number: float) -> str:
    """Return the text that OpenMetrics wants as a label's value: 1 is "1.0"."""
    text = general(number)
    return text if any(c in text for c in ".eEnN") else f"{text}.0"


def _special(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return ""
