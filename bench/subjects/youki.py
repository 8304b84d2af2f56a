"""youki, the OCI runtime in Rust."""

from collections.abc import Iterable

from bench.lab import Lab
from bench.oci import OciRuntime


def subjects(lab: Lab) -> Iterable[OciRuntime]:
    """The youki on PATH."""
    return [OciRuntime(lab, "youki")]
