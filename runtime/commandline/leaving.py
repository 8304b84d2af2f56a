"""Leaving a command that is in a terminal of its own, as nobody else would hold that."""

import os
import sys

from runtime.commandline.pump import Console, Pump
from runtime.light import signal


def leave(console: int) -> None:
    """End this process with status 0; what follows is done in one of its own, once the command has ended.

    Args:
        console: descriptor of the terminal's master; what is written there is dropped from then on.
    """
    sys.stdout.flush()
    # The kernel's, where this process leads the session of our terminal.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)
    Pump(Console(console), stdin=False, streams=()).run()
