"""A load on an instance: a command on the host, and the numbers that are read off what it prints."""

import math
import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from bench.subject import SubjectError
from results import Better
from tare.errors import UsageError

_NAMED = re.compile(
    r"(?P<name>[a-z][a-z0-9-]*)(?::(?!(?:lower|higher)=)(?P<unit>[^:=]+))?(?::(?P<better>lower|higher))?=(?P<regex>.+)",
    re.DOTALL,
)
_NO_WORD = re.compile(r"\\.|[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Reading:
    """One number in the load's output.

    Args:
        name: the metric's name.
        regex: finds it (Python's `re`, `^` and `$` match at each line); its one group is the number.
        unit: of the number, as "s", "B" or any other word; "1" for none.
        better: which way it improves.

    Raises:
        UsageError: no regular expression, or without its one group.
    """

    name: str
    regex: str
    unit: str = "1"
    better: Better = Better.HIGHER

    def __post_init__(self) -> None:
        if self._pattern.groups != 1:
            raise UsageError(
                f"metric {self.name}: {self.regex!r} has {self._pattern.groups} groups",
                r"put the number, and nothing else, in parentheses: Requests/sec: ([\d.]+)",
            )

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        try:
            return re.compile(self.regex, re.MULTILINE)
        except re.error as error:
            raise UsageError(
                f"metric {self.name}: {self.regex!r} is no regular expression: {error}"
            ) from error

    @classmethod
    def parse(cls, text: str) -> "Reading":
        """`[NAME[:UNIT][:lower|:higher]=]REGEX`; without a name it is made of the words before the group.

        Raises:
            UsageError: see the class.
        """
        if found := _NAMED.fullmatch(text):
            better = Better(found["better"] or Better.HIGHER)
            return cls(found["name"], found["regex"], found["unit"] or "1", better)
        words = _NO_WORD.sub("-", text.partition("(")[0]).strip("-").lower()
        return cls(words or "result", text)

    def read(self, output: str) -> float:
        """The number of the last match, as tools print their total last. Raises: SubjectError."""
        matches = self._pattern.findall(output)
        if not matches:
            raise SubjectError(f"metric {self.name}: {self.regex!r} matches nothing of {_end(output)!r}")
        text = matches[-1].replace(",", "")
        try:
            number = float(text)
        except ValueError as error:
            raise SubjectError(f"metric {self.name}: {matches[-1]!r} is no number") from error
        if not math.isfinite(number):
            raise SubjectError(f"metric {self.name}: {matches[-1]!r} is no finite number")
        return number


def run_load(command: str, timeout: float) -> str:
    """Run a command of the shell to its end, alone in its process group; what it printed, errors too.

    Raises:
        SubjectError: it failed, or did not end in `timeout` seconds.
    """
    process = subprocess.Popen(
        ("sh", "-c", command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with process:
        try:
            printed = process.communicate(timeout=timeout)[0].decode(errors="replace")
        except subprocess.TimeoutExpired as error:
            raise SubjectError(f"the load `{command}` did not end in {timeout:g} s") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        status = process.returncode if process.returncode > 0 else 128 - process.returncode
        raise SubjectError(f"the load `{command}` failed with status {status}: {_end(printed)}")
    return printed


def _end(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "no output"
