"""Remote write's messages, as far into them as bulk decoding wants to see.

What is declared as `bytes` stays as it came: the fields of a thousand series are not
made into a thousand trees of objects. Sources: prometheus/prompb/remote.proto,
types.proto and io/prometheus/write/v2/types.proto.
"""

from __future__ import annotations

from typing import Any

from sources.protocols.protobuf import Messages, declared

_MESSAGES: Messages = {
    "WriteRequest": {"timeseries": (1, "bytes*"), "metadata": (3, "Metadata*")},
    "Label": {"name": (1, "bytes"), "value": (2, "bytes")},
    "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
    "Exemplar": {
        "labels": (1, "Label*"),
        "value": (2, "double"),
        "timestamp": (3, "int64"),
    },
    "TimeSeries": {
        "labels": (1, "Label*"),
        "samples": (2, "Sample*"),
        "exemplars": (3, "Exemplar*"),
        "histograms": (4, "bytes*"),
    },
    # Types are numbers of any size here: one that is not known yet is no fault.
    "Metadata": {
        "type": (1, "uint32"),
        "metric_family_name": (2, "bytes"),
        "help": (4, "bytes"),
        "unit": (5, "bytes"),
    },
    "Request2": {"symbols": (4, "bytes*"), "timeseries": (5, "TimeSeries2*")},
    "Exemplar2": {
        "labels_refs": (1, "uint32*"),
        "value": (2, "double"),
        "timestamp": (3, "int64"),
    },
    "Metadata2": {
        "type": (1, "uint32"),
        "help_ref": (3, "uint32"),
        "unit_ref": (4, "uint32"),
    },
    "TimeSeries2": {
        "labels_refs": (1, "uint32*"),
        "samples": (2, "Sample*"),
        "histograms": (3, "bytes*"),
        "exemplars": (4, "Exemplar2*"),
        "metadata": (5, "Metadata2"),
    },
}
_CLASSES = declared("vedette.remote_write", _MESSAGES)

WriteRequest: Any = _CLASSES["WriteRequest"]
TimeSeries: Any = _CLASSES["TimeSeries"]
Request2: Any = _CLASSES["Request2"]
