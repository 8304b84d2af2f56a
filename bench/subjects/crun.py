"""crun, the OCI runtime in C; it refuses a hybrid cgroup hierarchy, so there it gets a view without v2."""

from collections.abc import Iterable

from bench.lab import Lab
from bench.mounts import hybrid_hierarchy, without_unified_cgroup
from bench.oci import OciRuntime
from bench.subject import Availability


class Crun(OciRuntime):
    """crun, spawned where it accepts the cgroup hierarchy."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, "crun")

    def availability(self) -> Availability:
        """As any OCI runtime; on a hybrid hierarchy it needs a mount namespace of its own too."""
        if hybrid_hierarchy() and self._executor is None:
            try:
                self._executor = self._lab.hold(without_unified_cgroup())
            except OSError as error:
                return Availability(
                    False, f"crun refuses hybrid cgroups, and hiding v2 failed: {error.strerror}"
                )
        return super().availability()


def subjects(lab: Lab) -> Iterable[OciRuntime]:
    """The crun on PATH."""
    return [Crun(lab)]
