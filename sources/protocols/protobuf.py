"""Messages in protobuf's encoding, declared without generated code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# name: {field: (number, type)}; a star marks what is repeated.
Messages = Mapping[str, Mapping[str, tuple[int, str]]]

_TYPES = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bytes": _TYPES.TYPE_BYTES,
    "double": _TYPES.TYPE_DOUBLE,
    "int32": _TYPES.TYPE_INT32,
    "int64": _TYPES.TYPE_INT64,
    "uint32": _TYPES.TYPE_UINT32,
}


def declared(package: str, messages: Messages) -> dict[str, Any]:
    """Return the classes of messages, by their names.

    A message that is named as a type must be among them. What is declared as `bytes`
    stays as it comes, texts and messages alike.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}.proto", package=package, syntax="proto3"
    )
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, type_) in fields.items():
            _add(message, field, number, type_, package)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{package}.{name}")
        )
        for name in messages
    }


def _add(message: Any, field: str, number: int, type_: str, package: str) -> None:
    kind = type_.removesuffix("*")
    added = message.field.add(name=field, number=number)
    repeated = type_.endswith("*")
    added.label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
    added.type = _SCALARS.get(kind, _TYPES.TYPE_MESSAGE)
    if kind not in _SCALARS:
        added.type_name = f".{package}.{kind}"
