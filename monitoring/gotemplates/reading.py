"""Reads templates: texts and actions, then the tree of each action."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from monitoring.gotemplates.literals import unquote
from monitoring.gotemplates.nodes import (
    Block,
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
from monitoring.gotemplates.values import TemplateError

MAX_DEPTH = 32

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
_WORD = re.compile(r"([a-z]+)(?![\w.])\s*", re.ASCII)
_CONSTANTS = {"true": True, "false": False, "nil": None}
Token = tuple[str, str]


def parse(text: str, known: Container[str] | None = None) -> tuple[Node, ...]:
    """Read a template; of `known`, other functions are refused. Raises TemplateError.

    Without `known`, a function that there is not is seen where it is called.
    """
    return _Reader(text, known).template()


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield texts, trimmed, and the insides of actions, with how they were written."""
    position, trim = 0, False
    for found in _ACTION.finditer(text):
        before = text[position : found.start()]
        if "{{" in before:
            raise TemplateError("unclosed action")
        before = before.lstrip() if trim else before
        yield before.rstrip() if found["left"] else before, ""
        yield found["inside"], found[0]
        position, trim = found.end(), bool(found["right"])
    rest = text[position:]
    if "{{" in rest:
        raise TemplateError("unclosed action")
    yield rest.lstrip() if trim else rest, ""


class _Reader:
    def __init__(self, text: str, known: Container[str] | None) -> None:
        self._pieces = _pieces(text)
        self._known = known
        self._depth = 0

    def template(self) -> tuple[Node, ...]:
        nodes, ending, _ = self._nodes()
        if ending:
            raise TemplateError(f"unexpected {{{{{ending}}}}}")
        return nodes

    def _nodes(self) -> tuple[tuple[Node, ...], str, str]:
        """Read up to the end of the block; return what has ended it, and its source."""
        nodes: list[Node] = []
        for piece, source in self._pieces:
            inside = piece.strip()
            if not source:
                if piece:
                    nodes.append(Text(piece))
            elif not inside.startswith("/*"):
                word, rest = _first_word(inside)
                if word in {"end", "else"}:
                    return tuple(nodes), inside, source
                nodes.append(self._node(word, rest, inside, source))
        return tuple(nodes), "", ""

    def _node(self, word: str, rest: str, inside: str, source: str) -> Node:
        if word in _REFUSED:
            raise TemplateError(f"{{{{{word}}}}} is not supported")
        if word in _BLOCKS:
            return self._block(word, rest, source)
        return Output(_Action(inside, self._known).pipe(), source)

    def _block(self, word: str, rest: str, source: str) -> Block:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"blocks nested more than {MAX_DEPTH} deep")
        pipe = _Action(rest, self._known).pipe(for_range=word == "range")
        body, ending, ending_source = self._nodes()
        otherwise: tuple[Node, ...] = ()
        if ending.startswith("else"):
            chained, condition = _first_word(ending[len("else") :].strip())
            if chained in _BLOCKS:
                otherwise = (self._block(chained, condition, ending_source),)
                ending = "end"
            elif ending != "else":
                raise TemplateError(f"unexpected {chained or condition!r} in else")
            else:
                otherwise, ending, _ = self._nodes()
        self._depth -= 1
        if ending != "end":
            raise TemplateError(f"unexpected EOF: {{{{{word}}}}} has no {{{{end}}}}")
        return _BLOCKS[word](pipe, body, otherwise, source)


def _first_word(text: str) -> tuple[str, str]:
    """Return the word that a text begins with, if any, and the rest."""
    found = _WORD.match(text)
    return (found[1], text[found.end() :]) if found else ("", text)


class _Action:
    """One action: `$x := f a b | g`."""

    def __init__(self, text: str, known: Container[str] | None) -> None:
        self._tokens = list(_tokens(text))
        self._known = known
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
        if kind == "word" and text not in _CONSTANTS:
            self._place += 1
            self._check(text)
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

    def _word(self, text: str) -> Operand:
        if text in _CONSTANTS:
            return Literal(_CONSTANTS[text])
        self._check(text)
        return Call(text, ())

    def _check(self, function: str) -> None:
        if self._known is not None and function not in self._known:
            raise TemplateError(f'function "{function}" not defined')

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
