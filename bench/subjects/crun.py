"""crun, the OCI runtime in C; it refuses a hybrid cgroup hierarchy, so there it gets a view without v2."""

from collections.abc import Iterable

from bench.lab import Lab
from bench.oci import OciRuntime


def subjects(lab: Lab) -> Iterable[OciRuntime]:
    """The crun on PATH."""
    return [OciRuntime(lab, "crun")]
