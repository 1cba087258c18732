"""Where in a line that is put together a text can stand, and what that asks of values.

A text is in a line if it stands inside a value, inside a literal, or across some of
them: then one value ends with its beginning, the literals between are as they are, and
the next value begins with what is left. So values alone decide. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache

from monitoring.store.line_templates import Slot, Template

# A text with more ways to stand in a line is not looked for in values.
MAX_PLACEMENTS = 64
MAX_STEPS = 4_000


class How(Enum):
    CONTAINS = "contains"
    STARTS = "starts"
    ENDS = "ends"
    EQUALS = "equals"


# The set of all bytes, as a number with a bit for each.
ANY_SIGN = (1 << 256) - 1


@dataclass(frozen=True)
class Test:
    """What is asked of the value in a column.

    `absent` is what a line has in its place where there is none.
    """

    __test__ = False  # Not one of pytest's.

    column: str
    how: How
    text: str
    absent: str = ""

    @cached_property
    def of_absent(self) -> bool:
        """Whether it holds where there is no value."""
        return self.holds(self.absent)

    @cached_property
    def length(self) -> int:
        """The bytes that a value must have."""
        return len(self.text.encode())

    @cached_property
    def signs(self) -> int:
        """The set of bytes that a value must have."""
        return _set_of(self.text.encode())

    @cached_property
    def first(self) -> int:
        """The byte that a value must begin with, as a set; none where it need not."""
        begins = self.how in {How.STARTS, How.EQUALS}
        return _set_of(self.text.encode()[:1]) if begins else 0

    @cached_property
    def last(self) -> int:
        """The byte that a value must end with, as a set; none where it need not."""
        ends = self.how in {How.ENDS, How.EQUALS}
        return _set_of(self.text.encode()[-1:]) if ends else 0

    def holds(self, value: str) -> bool:
        if self.how is How.CONTAINS:
            return self.text in value
        if self.how is How.STARTS:
            return value.startswith(self.text)
        if self.how is How.ENDS:
            return value.endswith(self.text)
        return value == self.text


def _set_of(text: bytes) -> int:
    signs = 0
    for byte in text:
        signs |= 1 << byte
    return signs


# All of its tests must hold; without any it holds for every line.
Placement = tuple[Test, ...]


@lru_cache(maxsize=4096)
def placements(template: Template, text: str) -> tuple[Placement, ...] | None:
    """Return the ways in which the text can stand in a line: one of them must hold.

    None where there are too many.
    """
    found: dict[Placement, None] = {}
    search = _Search(template)
    try:
        for placement in search.anywhere(text):
            found[placement] = None
            if not placement:
                return ((),)
            if len(found) > MAX_PLACEMENTS:
                return None
    except _TooManyStepsError:
        return None
    return tuple(found)


class _TooManyStepsError(Exception):
    pass


@dataclass(slots=True)
class _Search:
    """Literals and slots alternate: literal n stands before slot n."""

    template: Template
    steps: int = 0

    def anywhere(self, text: str) -> Iterator[Placement]:
        for number, literal in enumerate(self.template.literals):
            for start in range(len(literal)):
                yield from self._from_literal(number, literal[start:], text)
        for number, slot in enumerate(self.template.slots):
            yield (_test(slot, How.CONTAINS, text),)
            for cut in range(1, len(text)):
                for rest in self._from_literal(number + 1, None, text[cut:]):
                    yield (_test(slot, How.ENDS, text[:cut]), *rest)

    def _from_literal(
        self, number: int, literal: str | None, text: str
    ) -> Iterator[Placement]:
        """The text begins where the literal, or what is given of it, does."""
        self._count()
        if literal is None:
            literal = self.template.literals[number]
        if literal.startswith(text):
            yield ()
        elif text.startswith(literal) and number < len(self.template.slots):
            yield from self._from_slot(number, text[len(literal) :])

    def _from_slot(self, number: int, text: str) -> Iterator[Placement]:
        """The text, which is not empty, begins where the slot's value does."""
        slot = self.template.slots[number]
        yield (_test(slot, How.STARTS, text),)
        for cut in range(len(text)):
            for rest in self._from_literal(number + 1, None, text[cut:]):
                yield (_test(slot, How.EQUALS, text[:cut]), *rest)

    def _count(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _TooManyStepsError


def _test(slot: Slot, how: How, text: str) -> Test:
    return Test(slot.column, how, text, slot.absent)
