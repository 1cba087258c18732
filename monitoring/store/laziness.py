"""Attributes that are made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class made_once(Generic[T]):  # noqa: N801 - used as a decorator
    """As `functools.cached_property`, but threads do not wait for each other.

    Before Python 3.12 that has one lock for all instances: whoever unpacks a block
    would hold up all others. Two threads may make the same thing; one of it stays.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Self:
        if instance is None:
            return self
        made = self.make(instance)
        # An attribute of the instance comes before this one of its class.
        instance.__dict__[self.name] = made
        return made
