"""Several questions answered by one shell inside an instance, as each command there has its price."""

import subprocess
from collections.abc import Mapping

from bench.subject import Instance, SubjectError

_MARK = "==tare=="
_PATIENCE = 60.0


def ask(instance: Instance | None, questions: Mapping[str, str]) -> dict[str, str]:
    """What commands print, each empty where it fails.

    Args:
        instance: where they run, or None for the host.
        questions: commands of sh(1) by name.

    Raises:
        SubjectError: nothing could be asked.
    """
    commands = "".join(f"echo; echo {_MARK}{name}; {command}; " for name, command in questions.items())
    argv = ("sh", "-c", f"exec 2>/dev/null; {commands}true")
    if instance:
        done = instance.exec(argv, timeout=_PATIENCE)
    else:
        done = subprocess.run(argv, capture_output=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise SubjectError("no question was answered inside", done.stderr.decode(errors="replace").strip())
    pieces = done.stdout.decode(errors="replace").split(f"\n{_MARK}")[1:]
    return {name: text.strip() for name, _, text in (piece.partition("\n") for piece in pieces)}
