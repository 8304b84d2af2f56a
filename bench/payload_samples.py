"""The raw samples that our own programs print inside of a subject."""

from bench.subject import Instance, SubjectError

IDLE = ("/bin/idle",)
"""Prints a line and waits to be ended."""
_TIMEOUT = 120.0


def samples(instance: Instance, program: str, count: int) -> dict[str, list[float]]:
    """Run a program of bench/payload inside; its samples by their names, `count` of each.

    Raises:
        SubjectError: it failed, or did not end in time.
        Unsupported: the subject runs no second command.
    """
    done = instance.exec((f"/bin/{program}", str(count)), timeout=_TIMEOUT)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise SubjectError(f"the payload's {program} failed: {said}")
    found: dict[str, list[float]] = {}
    for line in done.stdout.decode().splitlines():
        name, _, sample = line.partition(" ")
        found.setdefault(name, []).append(float(sample))
    return found
