"""Several names on one command line: each is tried, whatever became of those before it."""

from collections.abc import Callable, Iterable

from runtime.commandline.messages import complain
from tare.errors import TareError


def each(names: Iterable[str], action: Callable[[str], object], *, show: bool = True) -> int:
    """Do something to each; the exit status, 1 when one failed.

    Args:
        names: as on the command line.
        action: what is done; its TareErrors and OSErrors are one line each.
        show: whether a name is printed once it is done.
    """
    status = 0
    for name in names:
        try:
            action(name)
        except BrokenPipeError:
            raise
        except (TareError, OSError) as error:
            complain(error)
            status = 1
        else:
            if show:
                print(name, flush=True)
    return status
