"""What a monitor runs: after the end of its container, and to check its health."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from runtime.lifecycle.containers import Containers
from runtime.lifecycle.errors import NoSuchContainerError
from tare.errors import TareError
from tare.state import State


def main() -> NoReturn:
    """Do what the arguments ask: project, `ended` or `health`, the state's directories, container."""
    _, _, action, data, run, identity = sys.argv
    with Containers(State(Path(data), Path(run))) as containers, suppress(NoSuchContainerError):
        try:
            if action == "ended":
                containers.after_end(identity)
            else:
                containers.check_health(identity)
        except TareError:
            # On record, and there is nobody here to be told.
            sys.exit(1)
    sys.exit(0)
