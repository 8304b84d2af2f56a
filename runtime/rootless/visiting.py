"""Doing something in the containers' network namespace, from a process in the host's.

A thread that goes there has no way back, so each call has one of its own; see setns(2).
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from runtime import syscalls
from runtime.rootless import record

_Result = TypeVar("_Result")


class _Place(threading.local):
    is_there = False


_place = _Place()


def visit(directory: str, action: Callable[[], _Result]) -> _Result:
    """Carry out an action there; whatever it raises is raised here."""
    if _place.is_there:
        return action()
    results: list[_Result] = []
    failures: list[BaseException] = []

    def go() -> None:
        try:
            namespace = os.open(f"{directory}/{record.NETWORK}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                syscalls.setns(namespace, syscalls.CLONE_NEWNET)
            finally:
                os.close(namespace)
            _place.is_there = True
            results.append(action())
        except BaseException as failure:  # noqa: BLE001 - raised again where it belongs
            failures.append(failure)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
