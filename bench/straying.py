"""Whether what a subject starts stays on the CPUs that are the subjects'."""

from bench.pinning import allowed, subjects_cpus
from bench.subject import Image, RunSpec, Subject
from results import Kind
from tare.errors import TareError

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_TIMEOUT = 120.0


def straying(subject: Subject, image: Image) -> str:
    """Look at one idle instance; in words where else it may run, nothing when it keeps to the CPUs.

    Nothing is started where harness and subjects share all CPUs.
    """
    own = subjects_cpus()
    if not own:
        return ""
    try:
        instance = subject.start(RunSpec(subject.prepare(image), _IDLE))
        try:
            # A machine's hypervisor is there before its guest, which may take minutes.
            if subject.kind is not Kind.VM:
                instance.wait_ready(_TIMEOUT)
            strange = allowed(instance.pid()) - own
        finally:
            instance.remove()
    except (OSError, TareError) as error:
        return f"where it ran isn't known: {error}"
    listed = " ".join(map(str, sorted(strange)))
    return f"not kept from the harness's CPUs: it may run on {listed} as well" if strange else ""
