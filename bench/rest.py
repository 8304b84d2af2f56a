"""The kernel as a start meets it that follows no other.

To move a process to another control group the kernel takes a lock that keeps all processes from forking
(cgroup_threadgroup_rwsem), which waits for a grace period of RCU, some milliseconds, unless it was taken
within the last few such periods. A start right after another is quicker by that than one that comes alone,
and who is asked sooner after the last container would win by it.
"""

import time

from runtime import syscalls

_GRACE_PERIODS = 4
"""One for the lock to be given up, one more where it was taken again meanwhile, and the callbacks of both."""
_SLEEP = 0.1


def rest() -> None:
    """Wait until no earlier move makes the next one quick; takes some ten milliseconds."""
    try:
        for _ in range(_GRACE_PERIODS):
            syscalls.membarrier()
    except OSError:
        # Kernels with nohz_full CPUs refuse it.
        time.sleep(_SLEEP)


if __name__ == "__main__":
    rest()
