"""What is to run in a guest, and as whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vm_baseline.frames import fields


@dataclass(frozen=True)
class Command:
    """A program with all that a container's has.

    Args:
        argv: a name without a slash is looked for along the environment's PATH inside the image.
        env: its whole environment, apart from PATH and HOME where they are missing.
        user: `name|uid[:group|gid]` by the image's own files; empty for root.
        directory: the working directory, made when it is missing; empty for the root.
        terminal: rows and columns of a terminal for it, or None.
        has_input: whether its input comes from the host; it has none otherwise.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    user: str = ""
    directory: str = ""
    terminal: tuple[int, int] | None = None
    has_input: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """As a job and a request to run name it."""
        pairs = [("argv", word) for word in self.argv]
        pairs += [("env", f"{name}={value}") for name, value in self.env.items()]
        pairs += [("user", self.user)] if self.user else []
        pairs += [("directory", self.directory)] if self.directory else []
        pairs += [("tty", f"{self.terminal[0]}x{self.terminal[1]}")] if self.terminal else []
        return pairs + ([("input", "1")] if self.has_input else [])

    def request(self) -> bytes:
        """The body of a request to run it."""
        return fields(*self.pairs())


@dataclass(frozen=True)
class Builtin:
    """Something the agent does itself, in a process of its own.

    Args:
        name: `copy-in` or `copy-out`.
        argv: its arguments.
        has_input: whether it takes input.
    """

    name: str
    argv: tuple[str, ...]
    has_input: bool = False

    def request(self) -> bytes:
        """The body of a request to run it."""
        flags = [("input", "1")] if self.has_input else []
        return fields(("builtin", self.name), *(("argv", word) for word in self.argv), *flags)
