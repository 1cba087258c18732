"""Remote write's messages, as far into them as bulk decoding wants to see.

What is declared as `bytes` stays as it came: the fields of a thousand series are not
made into a thousand trees of objects. Sources: prometheus/prompb/remote.proto,
types.proto and io/prometheus/write/v2/types.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bytes": _TYPES.TYPE_BYTES,
    "double": _TYPES.TYPE_DOUBLE,
    "int64": _TYPES.TYPE_INT64,
    "uint32": _TYPES.TYPE_UINT32,
}

# name: {field: (number, type)}; a star marks what is repeated.
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
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
_PACKAGE = "vedette.remote_write"


def _declared() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="vedette/remote_write.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, declared) in fields.items():
            kind = declared.removesuffix("*")
            added = message.field.add(
                name=field,
                number=number,
                label=(
                    _TYPES.LABEL_REPEATED
                    if declared.endswith("*")
                    else _TYPES.LABEL_OPTIONAL
                ),
                type=_SCALARS.get(kind, _TYPES.TYPE_MESSAGE),
            )
            if kind not in _SCALARS:
                added.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )
        for name in _MESSAGES
    }


_CLASSES = _declared()

WriteRequest: Any = _CLASSES["WriteRequest"]
TimeSeries: Any = _CLASSES["TimeSeries"]
Request2: Any = _CLASSES["Request2"]
