"""Several names on one command line: each is tried, whatever became of those before it."""

from collections.abc import Callable, Iterable

from tare.errors import TareError


def each(
    names: Iterable[str],
    action: Callable[[str], object],
    complain: Callable[[TareError | OSError], object],
    *,
    show: bool = True,
    at_once: bool = False,
) -> int:
    """Do something to each; the exit status, 1 when one failed.

    Args:
        names: as on the command line.
        action: what is done.
        complain: is given its TareErrors and OSErrors.
        show: whether a name is printed once it is done.
        at_once: whether it takes long, and is begun with all of them before one is waited for.
    """
    status = 0
    for name, result in _at_once(names, action) if at_once else ((name, action) for name in names):
        try:
            result(name)
        except BrokenPipeError:
            raise
        except (TareError, OSError) as error:
            complain(error)
            status = 1
        else:
            if show:
                print(name, flush=True)
    return status


def _at_once(
    names: Iterable[str], action: Callable[[str], object]
) -> Iterable[tuple[str, Callable[[str], object]]]:
    """Each name with what waits for its outcome."""
    names = list(names)
    if len(names) == 1:
        return [(names[0], action)]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(names), 32)) as threads:
        begun = {name: threads.submit(action, name) for name in names}
        return [(name, lambda name: begun[name].result()) for name in names]
