"""Any OCI runtime by its path."""

from collections.abc import Iterable

from bench.lab import Lab
from bench.oci import OciRuntime


def subjects(lab: Lab) -> Iterable[OciRuntime]:
    """Those that were asked for, each called as its file."""
    return [OciRuntime(lab, name, path) for name, path in lab.runtimes.items()]
