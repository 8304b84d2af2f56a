"""crun, the OCI runtime in C; it refuses a hybrid cgroup hierarchy, so there it gets a view without v2."""

from collections.abc import Iterable

from bench.lab import Lab
from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from bench.oci import OciRuntime


class Crun(OciRuntime):
    """crun, spawned where it accepts the cgroup hierarchy."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, "crun", lab.hold(without_unified_cgroup()) if hybrid_hierarchy() else None)


def subjects(lab: Lab) -> Iterable[OciRuntime]:
    """The crun on PATH."""
    return [Crun(lab)]
