"""Several names on one command line of `tarebox`."""

from collections.abc import Callable, Iterable

from runtime.commandline.messages import complain
from tare import each as anybodys


def each(
    names: Iterable[str], action: Callable[[str], object], *, show: bool = True, at_once: bool = False
) -> int:
    """See `tare.each`."""
    return anybodys.each(names, action, complain, show=show, at_once=at_once)
