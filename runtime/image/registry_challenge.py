"""The header WWW-Authenticate (RFC 9110, section 11.6.1)."""

import re
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:[ \t]+|(?=[,\s]|$))")
_PARAMETER = re.compile(rf'[\s,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))', re.DOTALL)
_TOKEN68 = re.compile(r"[0-9A-Za-z._~+/-]+=*[ \t]*(?=,|$)")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_LONGEST = 16384


@dataclass(frozen=True)
class Challenge:
    """How a server wants to be asked.

    Args:
        scheme: in lower case, as `bearer` or `basic`.
        parameters: by name in lower case.
    """

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict, hash=False)


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges of a header, in order; what has no meaning ends them."""
    header, at, found = header[:_LONGEST], 0, []
    while match := _SCHEME.match(header, at):
        at = match.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, at):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            at = parameter.end()
        if not parameters and (alone := _TOKEN68.match(header, at)):
            at = alone.end()
        found.append(Challenge(match[1].lower(), parameters))
    return tuple(found)
