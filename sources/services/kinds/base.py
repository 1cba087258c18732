"""What a kind of source is: one declaration that everything else is made from.

The checks of its settings, the wizard's fields, what the API says and the tables of
docs/sources.md come from it. A new kind is a module here, named in the package's
KINDS, a connector if it reaches out or listens, and its section in docs/sources.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Config = Mapping[str, Any]
Errors = dict[str, list[str]]


class InvalidSourceError(ValueError):
    """Settings that cannot be; `fields` says what is wrong with each one.

    A setting of the kind is named as in "config.paths".
    """

    def __init__(self, fields: Errors) -> None:
        super().__init__("; ".join(f"{n}: {t[0]}" for n, t in fields.items()))
        self.fields = fields


class SettingType(StrEnum):
    """How a setting is written in JSON, and by which field a page asks for it."""

    TEXT = "text"
    LINES = "lines"  # a list of texts; one a line
    INTEGER = "integer"
    NUMBER = "number"
    SECONDS = "seconds"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    SECRET = "secret"  # a text, encrypted where it is stored  # noqa: S105 - a type
    PAIRS = "pairs"  # an object of texts; one a line, as name=value
    HEADERS = "headers"  # an object of secrets; one a line, as name: value
    PARAMETERS = "parameters"  # an object of lists of texts; one a line, name=value
    YAML = "yaml"  # a list or an object; its text on pages


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that people decide about a source of a kind.

    `bounds` are those of a number, of a text's length or of how many entries there
    are. `check` is asked when the value is of the right type, with the whole
    configuration. What is `advanced` waits behind a fold; what is not `asked` is set
    over the API alone. `missing` is said where a required value is not given.
    """

    key: str
    type: SettingType
    label: str
    help: str = ""
    default: Any = None
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()  # value and what it means
    bounds: tuple[float, float] | None = None
    check: Callable[[Config], list[str]] | None = None
    asked: bool = True
    advanced: bool = False
    missing: str = "This is needed."

    @property
    def is_secret(self) -> bool:
        return self.type in {SettingType.SECRET, SettingType.HEADERS}


class Group(StrEnum):
    """Where the wizard offers a kind, in this order."""

    HERE = "Read on this host"
    PUSHED = "Sent to here"
    FETCHED = "Fetched from elsewhere"
    CHECKED = "Checked from here"


@dataclass(frozen=True, slots=True)
class ProbedFile:
    """One file that matches now; `problem` is empty when it can be read."""

    path: str
    size: int = 0
    modified_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ProbedSample:
    """One value that was read just now; `series` as it is written in PromQL."""

    series: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a source would work, said in a sentence."""

    ok: bool
    text: str
    files: Sequence[ProbedFile] = ()
    problems: Sequence[str] = ()
    samples: Sequence[ProbedSample] = ()
    total: int = 0  # how many samples there were


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to paste into a sender."""

    title: str
    code: str


Newest = Callable[[Config, list[str]], tuple[list[str], str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source.

    `connector` is the dotted path of the class that the collector works it with;
    empty where telemetry comes by itself. `test` tries a configuration out and stores
    nothing. `newest_lines` returns lines to try the parser on, and where they are
    from; problems go into the list it is given. `where` says in a few words where a
    source of that name reads, `senders` how to send to it.
    """

    name: str
    title: str
    help: str
    icon: str
    group: Group
    test: Callable[[Config], Probe]
    where: Callable[[str, Config], str]
    settings: tuple[Setting, ...] = ()
    connector: str = ""
    has_lines: bool = False
    takes_pushes: bool = False
    newest_lines: Newest | None = None
    check: Callable[[Config], Errors] | None = None
    senders: Callable[[Config], Sequence[Snippet]] | None = None
    # The settings that decide where secrets are sent to: with another address a
    # stored secret has to be entered again, or who may edit could read it.
    addresses: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """What is counted of it."""
        return "lines" if self.has_lines else "samples"

    @property
    def asked(self) -> tuple[Setting, ...]:
        return tuple(setting for setting in self.settings if setting.asked)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of the wizard."""
        where = ("where",) if self.asked else ()
        check = ("check",) if self.newest_lines else ()
        return ("kind", *where, *check, "save")

    @property
    def can_be_tried(self) -> bool:
        """Whether a test shows samples, rather than lines in a step of their own."""
        return not self.has_lines and bool(self.connector)

    def setting(self, key: str) -> Setting | None:
        return next((s for s in self.settings if s.key == key), None)
