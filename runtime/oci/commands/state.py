"""`tarebox-oci state`: print the state of a container; see runtime.md, Query State."""

from __future__ import annotations

import sys

from runtime import light
from runtime.oci import arguments
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Print the state as JSON.

    Raises:
        OciError: there is no such container.
    """
    _, rest = arguments.parse(words)
    record = Record.load(options.root, arguments.container(rest))
    sys.stdout.write(light.dumps(record.state()) + "\n")
    return 0
