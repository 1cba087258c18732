"""Go's template language as a tree."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_DEEPEST = 20
_MOST_NODES = 500

_ACTION = re.compile(
    r"""\{\{(-\s)?((?:"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])'|(?!\}\})[^"`])*?)(\s-)?\}\}""",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:\\.|[^"\\])*")|(?P<raw>`[^`]*`)|(?P<char>'(?:\\.|[^'\\])')
      |(?P<number>[+-]?(?:0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))
      |(?P<variable>\$[A-Za-z0-9_]*)|(?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
      |(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>:=|[|().,=])
    )""",
    re.VERBOSE,
)


class TemplateError(ValueError):
    """The text is no template, or it cannot be filled in; the text says why."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Dot:
    pass


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """`.Labels.host` of whatever `base` is."""

    base: Operand
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each of operands; the value goes into the declared variables."""

    commands: tuple[tuple[Operand, ...], ...]
    variables: tuple[str, ...] = ()


Operand = Literal | Dot | Variable | Function | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Action:
    pipeline: Pipeline
    source: str


@dataclass(slots=True)
class Block:
    """`if`, `range` or `with`, up to its `end`."""

    word: str
    pipeline: Pipeline
    source: str
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


Node = str | Action | Block


def parse(template: str) -> list[Node]:
    """Raises TemplateError."""
    return _Parser(_pieces(template)).run()


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text between actions, or what stands in one."""

    text: str
    source: str = ""

    @property
    def is_action(self) -> bool:
        return self.source != ""


def _pieces(template: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    place, trim = 0, False
    for found in _ACTION.finditer(template):
        text = template[place : found.start()]
        text = text.lstrip() if trim else text
        left, inner, right = found.groups()
        pieces.append(_Piece(text.rstrip() if left else text))
        if not re.fullmatch(r"\s*/\*.*\*/\s*", inner, re.DOTALL):
            pieces.append(_Piece(inner, found[0]))
        place, trim = found.end(), bool(right)
    rest = template[place:]
    if "{{" in rest:
        raise TemplateError("unclosed action")
    pieces.append(_Piece(rest.lstrip() if trim else rest))
    return pieces


class _Parser:
    """Nests the pieces; a block's source is that of its opening action."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self.pieces = pieces
        self.root: list[Node] = []
        self.open: list[Block] = []
        self.into = [self.root]
        # One for each block: how many `end`s close it (`else if` adds to them).
        self.closes: list[int] = []

    def run(self) -> list[Node]:
        if len(self.pieces) > _MOST_NODES:
            raise TemplateError("too many actions")
        for piece in self.pieces:
            if piece.is_action:
                self._action(piece)
            elif piece.text:
                self.into[-1].append(piece.text)
        if self.open:
            raise TemplateError(f"unclosed {self.open[-1].word}")
        return self.root

    def _action(self, piece: _Piece) -> None:
        word = (re.match(r"\s*([a-z]+)\b", piece.text) or [""])[0].strip()
        if word in {"if", "range", "with"}:
            self._open(word, piece, piece.text.strip()[len(word) :], closes=1)
        elif word == "else":
            self._else(piece)
        elif word == "end":
            self._end()
        elif word in {"define", "template", "block", "break", "continue"}:
            raise TemplateError(f"“{word}” is not supported")
        else:
            self.into[-1].append(Action(read_pipeline(piece.text), piece.source))

    def _open(self, word: str, piece: _Piece, text: str, *, closes: int) -> None:
        if len(self.open) >= _DEEPEST:
            raise TemplateError("blocks are nested too deeply")
        block = Block(word, read_pipeline(text), piece.source)
        self.into[-1].append(block)
        self.open.append(block)
        self.closes.append(closes)
        self.into.append(block.body)

    def _else(self, piece: _Piece) -> None:
        if not self.open or self.into[-1] is self.open[-1].otherwise:
            raise TemplateError("unexpected else")
        self.into[-1] = self.open[-1].otherwise
        rest = piece.text.strip()[len("else") :].strip()
        if rest:
            word = rest.split()[0]
            if word not in {"if", "with"}:
                raise TemplateError(f"unexpected {word} after else")
            closes = self.closes[-1] + 1
            self._open(word, piece, rest[len(word) :], closes=closes)

    def _end(self) -> None:
        if not self.open:
            raise TemplateError("unexpected end")
        for _ in range(self.closes[-1]):
            self.open.pop()
            self.closes.pop()
            self.into.pop()


def read_pipeline(text: str) -> Pipeline:
    """Raises TemplateError."""
    reader = _Reader(_tokens(text))
    pipeline = reader.pipeline()
    if reader.tokens:
        raise TemplateError(f"unexpected “{reader.tokens[0][1]}”")
    return pipeline


def _tokens(text: str) -> list[tuple[str, str, bool]]:
    """Return (kind, text, whether it follows the one before without a space)."""
    found: list[tuple[str, str, bool]] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise TemplateError(f"unexpected “{text[place:].strip()[:20]}”")
        kind = token.lastgroup or ""
        found.append((kind, token[kind], token.start(kind) == place and place > 0))
        place = token.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str, bool]]) -> None:
        self.tokens = tokens
        self.depth = 0

    def pipeline(self) -> Pipeline:
        variables = self._declared()
        commands = [self._command()]
        while self._sign() == "|":
            self.tokens.pop(0)
            commands.append(self._command())
        return Pipeline(tuple(commands), variables)

    def _sign(self, place: int = 0) -> str:
        if len(self.tokens) <= place or self.tokens[place][0] != "sign":
            return ""
        return self.tokens[place][1]

    def _declared(self) -> tuple[str, ...]:
        names: list[str] = []
        place = 0
        while len(self.tokens) > place and self.tokens[place][0] == "variable":
            names.append(self.tokens[place][1])
            sign = self._sign(place + 1)
            if sign in {":=", "="}:
                del self.tokens[: place + 2]
                return tuple(names)
            if sign != ",":
                return ()
            place += 2
        return ()

    def _command(self) -> tuple[Operand, ...]:
        operands = []
        while self.tokens and self._sign() not in {"|", ")"}:
            operands.append(self._operand())
        if not operands:
            raise TemplateError("missing value")
        return tuple(operands)

    def _operand(self) -> Operand:
        kind, text, _ = self.tokens.pop(0)
        match kind:
            case "string":
                base: Operand = Literal(_unquoted(text))
            case "raw":
                base = Literal(text[1:-1])
            case "char":
                base = Literal(ord(text[1:-1][-1]))
            case "number":
                base = Literal(_number(text))
            case "variable":
                base = Variable(text)
            case "field":
                return self._chained(Chain(Dot(), (text[1:],)))
            case "word":
                base = _word(text)
            case _:
                base = self._signed(text)
        return self._chained(base)

    def _signed(self, text: str) -> Operand:
        if text == ".":
            return Dot()
        if text != "(":
            raise TemplateError(f"unexpected “{text}”")
        self.depth += 1
        if self.depth > _DEEPEST:
            raise TemplateError("parentheses are nested too deeply")
        inner = self.pipeline()
        if self._sign() != ")":
            raise TemplateError("unclosed left parenthesis")
        self.tokens.pop(0)
        self.depth -= 1
        return inner

    def _chained(self, base: Operand) -> Operand:
        fields = list(base.fields) if isinstance(base, Chain) else []
        start = base.base if isinstance(base, Chain) else base
        while self.tokens and self.tokens[0][0] == "field" and self.tokens[0][2]:
            fields.append(self.tokens.pop(0)[1][1:])
        return Chain(start, tuple(fields)) if fields else base


def _word(text: str) -> Operand:
    constants = {"true": True, "false": False, "nil": None}
    return Literal(constants[text]) if text in constants else Function(text)


def _number(text: str) -> float | int:
    try:
        return int(text, 0)
    except ValueError:
        return float(text)


def _unquoted(text: str) -> str:
    try:
        unquoted: str = json.loads(text, strict=False)
    except ValueError:
        # Go's own escapes, such as \d of a regular expression that forgot one.
        raise TemplateError(f"invalid string {text[:40]}") from None
    return unquoted
