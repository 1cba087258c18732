"""Reads templates: texts and actions, then the tree of each action."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from monitoring.logql.literals import unquote
from monitoring.logql.templates.functions import FUNCTIONS
from monitoring.logql.templates.nodes import (
    Call,
    Field,
    If,
    Literal,
    Node,
    Operand,
    Output,
    Pipe,
    Range,
    Text,
    Variable,
    Walk,
    With,
)
from monitoring.logql.templates.running import Template
from monitoring.logql.templates.values import TemplateError

MAX_DEPTH = 32

# Functions that need the line, and are no part of the others therefore.
OF_THE_LINE = frozenset({"__line__", "__timestamp__"})

_ACTION = re.compile(
    r"\{\{(?P<left>-\s)?(?P<inside>\s*/\*.*?\*/\s*|"
    r'(?:"(?:[^"\\]|\\.)*"|`[^`]*`|\'(?:[^\'\\]|\\.)*\'|[^"`\'}]|\}(?!\}))*?)'
    r"(?P<right>\s-)?\}\}",
    re.DOTALL,
)
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<char>\'(?:[^\'\\]|\\.)+\')'
    r"|(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+))(?![\w.])"
    r"|(?P<variable>\$\w*(?:\.\w+)*)|(?<=\))(?P<walk>(?:\.\w+)+)|(?P<field>\.(?:\w+(?:\.\w+)*)?)"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<sign>:=|[|()=,]))",
    re.ASCII,
)
_BLOCKS: dict[str, type[If | With | Range]] = {"if": If, "with": With, "range": Range}
_REFUSED = {"block", "break", "continue", "define", "template"}
Token = tuple[str, str]


@lru_cache(maxsize=256)
def parse_template(text: str) -> Template:
    """Raises TemplateError."""
    return _Reader(text).template()


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Yield texts, and the insides of actions (True), with blanks trimmed."""
    position, trim = 0, False
    for found in _ACTION.finditer(text):
        before = text[position : found.start()]
        if "{{" in before:
            raise TemplateError("unclosed action")
        before = before.lstrip() if trim else before
        yield False, before.rstrip() if found["left"] else before
        yield True, found["inside"]
        position, trim = found.end(), bool(found["right"])
    rest = text[position:]
    if "{{" in rest:
        raise TemplateError("unclosed action")
    yield False, rest.lstrip() if trim else rest


class _Reader:
    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)
        self._depth = 0

    def template(self) -> Template:
        nodes, ending = self._nodes()
        if ending:
            raise TemplateError(f"unexpected {{{{{ending}}}}}")
        return Template(nodes)

    def _nodes(self) -> tuple[tuple[Node, ...], str]:
        """Read up to the end of the block; return what has ended it."""
        nodes: list[Node] = []
        for is_action, piece in self._pieces:
            if not is_action:
                if piece:
                    nodes.append(Text(piece))
                continue
            inside = piece.strip()
            if inside.startswith("/*"):
                continue
            word, _, rest = inside.partition(" ")
            if word in {"end", "else"}:
                return tuple(nodes), inside
            nodes.append(self._node(word, rest, inside))
        return tuple(nodes), ""

    def _node(self, word: str, rest: str, inside: str) -> Node:
        if word in _REFUSED:
            raise TemplateError(f"{{{{{word}}}}} is not supported")
        if word in _BLOCKS:
            return self._block(word, rest)
        return Output(_Action(inside).pipe())

    def _block(self, word: str, rest: str) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"blocks nested more than {MAX_DEPTH} deep")
        pipe = _Action(rest).pipe(for_range=word == "range")
        body, ending = self._nodes()
        otherwise: tuple[Node, ...] = ()
        if ending.startswith("else"):
            chained, _, condition = ending[len("else") :].strip().partition(" ")
            if chained in _BLOCKS:
                otherwise, ending = (self._block(chained, condition),), "end"
            elif chained:
                raise TemplateError(f"unexpected {chained!r} in else")
            else:
                otherwise, ending = self._nodes()
        self._depth -= 1
        if ending != "end":
            raise TemplateError(f"unexpected EOF: {{{{{word}}}}} has no {{{{end}}}}")
        return _BLOCKS[word](pipe, body, otherwise)


class _Action:
    """One action: `$x := f a b | g`."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    def pipe(self, *, for_range: bool = False) -> Pipe:
        variables = self._variables(for_range=for_range)
        commands = self._commands()
        if self._place < len(self._tokens):
            raise TemplateError(f"unexpected {self._tokens[self._place][1]!r}")
        if not variables:
            return Pipe(commands)
        *index, variable, sign = variables
        return Pipe(commands, variable, sign == ":=", index[0] if index else None)

    def _variables(self, *, for_range: bool) -> list[str]:
        kinds = [kind for kind, _ in self._tokens[:4]]
        texts = [text for _, text in self._tokens[:4]]
        if kinds[:1] == ["variable"] and texts[1:2] in ([":="], ["="]):
            self._place = 2
            return [texts[0][1:], texts[1]]
        comma = for_range and kinds[::2][:2] == ["variable", "variable"]
        if comma and texts[1::2] in ([",", ":="], [",", "="]):
            self._place = 4
            return [texts[0][1:], texts[2][1:], texts[3]]
        return []

    def _commands(self) -> tuple[Operand, ...]:
        commands = [self._command()]
        while self._peek() == ("sign", "|"):
            self._place += 1
            command = self._command()
            if not isinstance(command, Call):
                raise TemplateError("only functions may follow in a pipeline")
            commands.append(command)
        return tuple(commands)

    def _peek(self) -> Token:
        tokens = self._tokens
        return tokens[self._place] if self._place < len(tokens) else ("end", "")

    def _command(self) -> Operand:
        kind, text = self._peek()
        if kind == "word" and text not in {"true", "false", "nil"}:
            self._place += 1
            if text not in FUNCTIONS and text not in OF_THE_LINE:
                raise TemplateError(f'function "{text}" not defined')
            arguments = []
            while self._peek()[0] != "end" and self._peek()[1] not in {"|", ")"}:
                arguments.append(self._operand())
            return Call(text, tuple(arguments))
        operand = self._operand()
        if self._peek()[0] != "end" and self._peek()[1] not in {"|", ")"}:
            raise TemplateError(f"can't give argument to non-function {text}")
        return operand

    def _operand(self) -> Operand:
        kind, text = self._peek()
        self._place += 1
        match kind:
            case "field":
                return Field(tuple(filter(None, text.split("."))))
            case "variable":
                name, *names = text[1:].split(".")
                return Variable(name, tuple(names))
            case "word":
                return self._word(text)
            case "sign" if text == "(":
                return self._inner()
            case "string" | "char" | "number":
                return Literal(_literal(kind, text))
        raise TemplateError(f"unexpected {text!r}" if text else "missing value")

    @staticmethod
    def _word(text: str) -> Operand:
        constants = {"true": True, "false": False, "nil": None}
        if text in constants:
            return Literal(constants[text])
        if text not in FUNCTIONS and text not in OF_THE_LINE:
            raise TemplateError(f'function "{text}" not defined')
        return Call(text, ())

    def _inner(self) -> Operand:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"nested more than {MAX_DEPTH} deep")
        commands = self._commands()
        if self._peek() != ("sign", ")"):
            raise TemplateError("unclosed left paren")
        self._place += 1
        self._depth -= 1
        kind, text = self._peek()
        if kind != "walk":
            return Pipe(commands)
        self._place += 1
        return Walk(Pipe(commands), tuple(text[1:].split(".")))


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    text = text.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise TemplateError(
                f"unexpected {text[position : position + 20]!r} in operand"
            )
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


def _literal(kind: str, text: str) -> object:
    try:
        if kind == "number":
            whole = (
                text.lower().lstrip("+-").startswith("0x")
                or text.lstrip("+-").isdecimal()
            )
            return (
                int(text, 16 if "x" in text.lower() else 10) if whole else float(text)
            )
        value = unquote(text)
    except ValueError as error:
        raise TemplateError(f"malformed constant {text[:40]}: {error}") from None
    return ord(value[0]) if kind == "char" and value else value
