"""Both ends of a test inside the guest; `python -m guest_inside MODULE TEST...` is the one in there."""

import contextlib
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from tare.errors import TareError

LIMIT = 60
"""Seconds that a test may take."""


def inside(test: Callable[[], None]) -> Callable[[Any, Any], None]:
    """The test as pytest is to see it: asks for the guest and runs the test in there, as root."""
    return _sent(test, as_user=False)


def inside_as_user(test: Callable[[], None]) -> Callable[[Any, Any], None]:
    """Likewise, as an ordinary user with a systemd instance and a delegated control group of their own."""
    return _sent(test, as_user=True)


def _sent(test: Callable[[], None], *, as_user: bool) -> Callable[[Any, Any], None]:
    def send(guest: Any, request: Any) -> None:
        if as_user:
            guest.run_test_as_user(test.__module__, test.__name__)
            return
        chosen = (item.function for item in request.session.items if item.path == request.path)
        names = [each.__name__ for each in chosen if getattr(each, "as_root", False)]
        guest.run_test(test.__module__, test.__name__, names)

    send.__name__, send.__doc__ = test.__name__, test.__doc__
    send.test, send.as_root = test, not as_user  # type: ignore[attr-defined]
    return send


@contextlib.contextmanager
def refused(pattern: str) -> Iterator[None]:
    """As `pytest.raises(TareError, match=pattern)`, without pytest."""
    try:
        yield
    except TareError as error:
        assert re.search(pattern, str(error)), f"{error} does not match {pattern}"
    else:
        raise AssertionError("nothing was refused")


def main(module: str, *names: str) -> int:
    """Run tests, each in a process of its own, as an emulated guest takes long to load the module.

    Prints a line of JSON for each when it has ended: its name, its status (0 is good), and what it said.
    """
    loaded = importlib.import_module(module)
    for name in names:
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if not child:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                signal.alarm(LIMIT)
                _end_with(getattr(loaded, name).test, module)
            _, status = os.waitpid(child, 0)
            said.seek(0)
            print(json.dumps((name, os.waitstatus_to_exitcode(status), said.read())), flush=True)
    return 0


def _end_with(test: Callable[[], None], module: str) -> None:
    """Run a test and end this process; where it fails, say how and with which values."""
    status = 1
    try:
        test()
        status = 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported to pytest
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in told.stack:
            is_ours = module in frame.filename and frame.locals
            frame.locals = {name: text[:200] for name, text in frame.locals.items()} if is_ours else None
        sys.stderr.write("".join(told.format(chain=False)))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
