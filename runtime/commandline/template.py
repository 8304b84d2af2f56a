"""Go templates as far as people write them behind `--format` (https://pkg.go.dev/text/template).

Out of scope: `define`, `template`, `block`, `break`, `continue`, and numbers other than plain decimals.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from runtime.commandline import template_functions as functions
from runtime.commandline.template_functions import TemplateError

_ACTION = re.compile(r'\{\{(-(?=\s))?((?:"(?:\\.|[^"\\])*"|`[^`]*`|[^"`}]|\}(?!\}))*?)(\s-)?\}\}', re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<comment>/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\])*")|(?P<raw>`[^`]*`)|(?P<number>[+-]?\d+(?:\.\d+)?)"""
    r"""|(?P<variable>\$\w*)|(?P<field>\.[^\W\d]\w*)|(?P<word>[^\W\d]\w*)|(?P<mark>:=|[.=,|()]))""",
    re.DOTALL,
)
_DEPTH = 50


class _Token(NamedTuple):
    kind: str
    text: str
    is_joined: bool
    """Whether no white space is before it."""


class _Text(NamedTuple):
    text: str


class _Action(NamedTuple):
    tokens: list[_Token]


@dataclass(frozen=True)
class _Scope:
    """What names mean at one place: the dot, and the variables, `$` among them."""

    dot: Any
    variables: dict[str, Any]

    def inner(self, dot: Any) -> "_Scope":
        return _Scope(dot, dict(self.variables))


_Value = Callable[[_Scope], Any]
_Node = Callable[[_Scope, list[str]], None]


class Template:
    """A template, ready to be filled in as often as wanted.

    Args:
        text: the template.
        is_heading: whether it is filled in with the headings of a table, which functions leave as they are.

    Raises:
        TemplateError: it is none.
    """

    def __init__(self, text: str, *, is_heading: bool = False) -> None:
        self._render = _Parser(_split(text), functions.HEADING if is_heading else functions.ALL).whole()

    def render(self, data: Any) -> str:
        """The text with what `data` has: mappings, sequences, text, numbers, truth values and None.

        Raises:
            TemplateError: a field, index or function doesn't fit the data.
        """
        parts: list[str] = []
        self._render(_Scope(data, {"$": data}), parts)
        return "".join(parts)


def _split(text: str) -> list[_Text | _Action]:
    parts: list[_Text | _Action] = []
    end, trims = 0, False
    for found in _ACTION.finditer(text):
        plain = _plain(text[end : found.start()])
        plain = plain.lstrip() if trims else plain
        parts.append(_Text(plain.rstrip() if found[1] else plain))
        parts.append(_Action(_tokens(found[2])))
        end, trims = found.end(), bool(found[3])
    rest = _plain(text[end:])
    return [*parts, _Text(rest.lstrip() if trims else rest)]


def _plain(text: str) -> str:
    if "{{" in text:
        raise TemplateError(f"{text[text.index('{{') :]!r} is not closed", "end it with }}")
    return text


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if not found or not found.lastgroup:
            raise TemplateError(f"{text[position:].strip()!r} is not understood in {{{{{text}}}}}")
        token = found[found.lastgroup]
        if found.lastgroup != "comment":
            tokens.append(_Token(found.lastgroup, token, found.start(found.lastgroup) == position))
        position = found.end()
    return tokens


class _Parser:
    """Turns what `_split` found into functions, by recursive descent."""

    def __init__(self, parts: list[_Text | _Action], known: Mapping[str, Callable[..., Any]]) -> None:
        self._parts = parts
        self._known = known
        self._next = 0
        self._depth = 0
        self._names = {"$"}

    def whole(self) -> _Node:
        body, closing = self._block()
        if closing:
            raise TemplateError(f"{{{{{closing[0].text}}}}} closes nothing")
        return body

    def _block(self) -> tuple[_Node, list[_Token]]:
        """Nodes up to an `end` or `else`, and the tokens of that; none at the end of the text."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise TemplateError("the template is nested too deeply")
        nodes: list[_Node] = []
        closing: list[_Token] = []
        while self._next < len(self._parts) and not closing:
            part = self._parts[self._next]
            self._next += 1
            if isinstance(part, _Text):
                nodes.append(_text(part.text))
            elif part.tokens and part.tokens[0].text in ("end", "else"):
                closing = part.tokens
            elif part.tokens:
                nodes.append(self._action(part.tokens))
        self._depth -= 1

        def run(scope: _Scope, out: list[str]) -> None:
            for node in nodes:
                node(scope, out)

        return run, closing

    def _action(self, tokens: list[_Token]) -> _Node:
        word = tokens[0].text if tokens[0].kind == "word" else ""
        if word in ("if", "with", "range"):
            return self._control(word, tokens[1:])
        if word in ("define", "template", "block", "break", "continue"):
            raise TemplateError(f"{word} has no meaning in a format", "leave it out")
        names, value = self._pipeline(tokens)
        if len(names) > 1:
            raise TemplateError("only range sets two variables")
        if names:
            return lambda scope, _: scope.variables.__setitem__(names[0], value(scope))
        return lambda scope, out: out.append(functions.text(value(scope)))

    def _control(self, word: str, tokens: list[_Token]) -> _Node:
        known = set(self._names)
        names, value = self._pipeline(tokens)
        if len(names) > (2 if word == "range" else 1):
            raise TemplateError(f"too many variables in {word}")
        body, closing = self._block()
        other: _Node = _text("")
        if [token.text for token in closing[:2]] == ["else", "if"] and word != "range":
            other = self._control("if", closing[2:])
        elif [token.text for token in closing] == ["else"]:
            other, closing = self._block()
            self._expect_end(word, closing)
        else:
            self._expect_end(word, closing)
        self._names = known
        if word == "range":
            return _range(names, value, body, other)

        def choose(scope: _Scope, out: list[str]) -> None:
            try:
                found = value(scope)
            except _NoFieldError:
                found = None
            inner = scope.inner(found if word == "with" and found else scope.dot)
            inner.variables.update(dict.fromkeys(names, found))
            (body if found else other)(inner, out)

        return choose

    def _expect_end(self, word: str, closing: list[_Token]) -> None:
        if [token.text for token in closing] != ["end"]:
            raise TemplateError(f"{{{{{word}}}}} has no {{{{end}}}}")

    def _pipeline(self, tokens: list[_Token]) -> tuple[list[str], _Value]:
        """The variables it sets, and its value."""
        names: list[str] = []
        marks = [token.text if token.kind == "mark" else "" for token in tokens]
        for mark in (":=", "="):
            if mark in marks:
                position = marks.index(mark)
                names = [token.text for token in tokens[:position] if token.kind == "variable"]
                if [token.text for token in tokens[:position]] != ", ".join(names).replace(
                    ", ", " , "
                ).split():
                    raise TemplateError(f"{mark} needs a variable such as $x before it")
                tokens = tokens[position + 1 :]
        value, rest = self._commands(tokens)
        if rest:
            raise TemplateError(f"{rest[0].text!r} is unexpected in {_source(tokens)!r}")
        self._names.update(names)
        return names, value

    def _commands(self, tokens: list[_Token]) -> tuple[_Value, list[_Token]]:
        value: _Value | None = None
        while True:
            value, tokens = self._command(tokens, value)
            if not tokens or tokens[0].text != "|" or tokens[0].kind != "mark":
                return value, tokens
            tokens = tokens[1:]

    def _command(self, tokens: list[_Token], piped: _Value | None) -> tuple[_Value, list[_Token]]:
        arguments: list[_Value] = []
        function = None
        source = tokens
        if tokens and tokens[0].kind == "word" and tokens[0].text not in _CONSTANTS:
            function = self._function(tokens[0].text)
            tokens = tokens[1:]
        while tokens and not (tokens[0].kind == "mark" and tokens[0].text in "|)"):
            argument, tokens = self._operand(tokens)
            arguments.append(argument)
        if function is None and not arguments:
            raise TemplateError(f"a value is missing in {_source(source)!r}")
        if piped is not None:
            arguments.append(piped)
        if function is not None:
            return _call(source[0].text, function, arguments), tokens
        if len(arguments) > 1:
            return _method(_source(source[: len(source) - len(tokens)]), arguments), tokens
        return arguments[0], tokens

    def _operand(self, tokens: list[_Token]) -> tuple[_Value, list[_Token]]:
        token, rest = tokens[0], tokens[1:]
        if token.kind == "mark" and token.text == "(":
            self._depth += 1
            if self._depth > _DEPTH:
                raise TemplateError("the template is nested too deeply")
            value, rest = self._commands(rest)
            self._depth -= 1
            if not rest or rest[0].text != ")":
                raise TemplateError("a closing parenthesis is missing")
            rest = rest[1:]
        elif token.kind == "field":
            value = _field(lambda scope: scope.dot, token.text[1:])
        else:
            value = self._term(token)
        while rest and rest[0].kind == "field" and rest[0].is_joined:
            value, rest = _field(value, rest[0].text[1:]), rest[1:]
        return value, rest

    def _term(self, token: _Token) -> _Value:
        if token.kind == "variable":
            if token.text not in self._names:
                raise TemplateError(f"the variable {token.text} is not set")
            return lambda scope: scope.variables[token.text]
        if token.kind == "mark" and token.text == ".":
            return lambda scope: scope.dot
        if token.kind == "word":
            if token.text in _CONSTANTS:
                return _constant(_CONSTANTS[token.text])
            return _call(token.text, self._function(token.text), [])
        return _constant(_literal(token))

    def _function(self, name: str) -> Callable[..., Any]:
        if name not in self._known:
            raise TemplateError(
                f"no function is called {name!r}", f"use one of {', '.join(sorted(self._known))}"
            )
        return self._known[name]


_CONSTANTS = {"true": True, "false": False, "nil": None}


class _NoFieldError(TemplateError):
    """The data has no such field; no fault in a condition."""


def _source(tokens: Sequence[_Token]) -> str:
    return "".join(token.text if token.is_joined else f" {token.text}" for token in tokens).strip()


def _text(text: str) -> _Node:
    return lambda _, out: out.append(text)


def _constant(value: Any) -> _Value:
    return lambda _: value


def _literal(token: _Token) -> Any:
    if token.kind == "raw":
        return token.text[1:-1]
    if token.kind == "string":
        try:
            return json.loads(token.text)
        except ValueError:
            raise TemplateError(f"{token.text} is no string", "see JSON for what may follow a \\") from None
    if token.kind == "number":
        return float(token.text) if "." in token.text else int(token.text)
    raise TemplateError(f"{token.text!r} is unexpected")


def _field(value: _Value, name: str) -> _Value:
    def get(scope: _Scope) -> Any:
        data = value(scope)
        if not isinstance(data, Mapping):
            raise _NoFieldError(f"there is no field .{name} in {functions.text(data)[:40]!r}")
        if name in data:
            return data[name]
        # Fields begin with a capital letter; names that people gave (labels, options) may be missing.
        if all(str(key)[:1].isupper() for key in data) and data:
            raise _NoFieldError(f"there is no field .{name}", f"there are {', '.join(map(str, data))}")
        return None

    return get


def _call(name: str, function: Callable[..., Any], arguments: list[_Value]) -> _Value:
    if name in ("and", "or"):
        return _lazy(name == "or", arguments)

    def call(scope: _Scope) -> Any:
        values = [argument(scope) for argument in arguments]
        try:
            return function(*values)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            given = ", ".join(functions.text(value)[:40] for value in values)
            raise TemplateError(f"{name} can't be applied to {given or 'nothing'}: {error}") from None

    return call


def _lazy(until: bool, arguments: list[_Value]) -> _Value:
    if not arguments:
        raise TemplateError("and, or need an argument")

    def first(scope: _Scope) -> Any:
        for argument in arguments:
            value = argument(scope)
            if bool(value) == until:
                break
        return value

    return first


def _method(source: str, arguments: list[_Value]) -> _Value:
    def call(scope: _Scope) -> Any:
        method, *values = (argument(scope) for argument in arguments)
        if not callable(method):
            raise TemplateError(f"{source!r} is no function call")
        try:
            return method(*values)
        except TypeError as error:
            raise TemplateError(f"{source!r} fails: {error}") from None

    return call


def _range(names: list[str], value: _Value, body: _Node, other: _Node) -> _Node:
    def run(scope: _Scope, out: list[str]) -> None:
        data = value(scope)
        if isinstance(data, Mapping):
            pairs = [(key, data[key]) for key in sorted(data, key=str)]
        elif isinstance(data, int) and not isinstance(data, bool):
            pairs = [(number, number) for number in range(data)]
        elif data is None or (isinstance(data, Sequence) and not isinstance(data, str)):
            pairs = list(enumerate(data or ()))
        else:
            raise TemplateError(f"range can't go over {functions.text(data)[:40]!r}")
        for key, element in pairs:
            inner = scope.inner(element)
            inner.variables.update(zip(names, (key, element) if len(names) > 1 else (element,), strict=False))
            body(inner, out)
        if not pairs:
            other(scope.inner(scope.dot), out)

    return run
