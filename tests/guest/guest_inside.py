"""Both ends of a test inside the guest; `python -m guest_inside MODULE TEST` is the one in there."""

import contextlib
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from tare.errors import TareError


def inside(test: Callable[[], None]) -> Callable[[Any], None]:
    """The test as pytest is to see it: asks for the guest and runs the test in there, as root."""
    return _sent(test, as_user=False)


def inside_as_user(test: Callable[[], None]) -> Callable[[Any], None]:
    """Likewise, as an ordinary user with a systemd instance and a delegated control group of their own."""
    return _sent(test, as_user=True)


def _sent(test: Callable[[], None], *, as_user: bool) -> Callable[[Any], None]:
    def send(guest: Any) -> None:
        guest.run_test(test.__module__, test.__name__, as_user=as_user)

    send.__name__, send.__doc__ = test.__name__, test.__doc__
    send.test = test  # type: ignore[attr-defined]
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


def main(module: str, name: str) -> int:
    """Run one test; where it fails, say how and with which values."""
    try:
        getattr(importlib.import_module(module), name).test()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported to pytest
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in told.stack:
            is_ours = module in frame.filename and frame.locals
            frame.locals = {name: text[:200] for name, text in frame.locals.items()} if is_ours else None
        sys.stderr.write("".join(told.format(chain=False)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
