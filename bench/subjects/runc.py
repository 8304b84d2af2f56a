"""runc, the reference OCI runtime."""

from collections.abc import Iterable

from bench.lab import Lab
from bench.oci import OciRuntime


def subjects(lab: Lab) -> Iterable[OciRuntime]:
    """The runc on PATH."""
    return [OciRuntime(lab, "runc", unified=True)]
