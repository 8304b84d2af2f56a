"""The same work in several threads at once, let go at one moment."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_PATIENCE = 60.0


def concurrently(work: Sequence[Callable[[], _T]]) -> tuple[int, list[_T]]:
    """Call each in a thread of its own, all from one barrier on.

    Returns:
        The monotonic ns at which they were let go, and what each returned, in order.

    Raises:
        Whatever the first of them raised that did, once all have ended.
    """
    gone: list[int] = []
    barrier = threading.Barrier(len(work), lambda: gone.append(time.monotonic_ns()), _PATIENCE)

    def begin(call: Callable[[], _T]) -> _T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(work), thread_name_prefix="tare-concurrent") as threads:
        futures = [threads.submit(begin, call) for call in work]
    return gone[0], [future.result() for future in futures]
