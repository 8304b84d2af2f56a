"""Which accelerator to use, and the proof that it works here: a guest was booted on it."""

from dataclasses import dataclass
from enum import StrEnum

from tare.state import State
from vm_baseline import kvm
from vm_baseline.architecture import Architecture, architecture, host_name
from vm_baseline.errors import HypervisorError
from vm_baseline.kernel import Kernel, find_kernel
from vm_baseline.kvm import Kvm
from vm_baseline.probing import Finding, find
from vm_baseline.spec import Accelerator


class Threads(StrEnum):
    """How TCG runs a guest's processors; the values are QEMU's."""

    SINGLE = "single"
    MULTI = "multi"


@dataclass(frozen=True)
class Proof:
    """An accelerator with the reason to use it.

    Args:
        accelerator: KVM or TCG.
        cpu: QEMU's CPU model to use with it, with which a guest has booted.
        reason: for a person.
        kvm: what became of KVM.
        threads: of TCG, else None.
        asked_threads: whether QEMU has to be told so, and wouldn't do it by itself.
        rejected: CPU models that were tried before, with what went wrong.
    """

    accelerator: Accelerator
    cpu: str
    reason: str
    kvm: Kvm = Kvm.UNUSED
    threads: Threads | None = None
    asked_threads: bool = False
    rejected: tuple[tuple[str, str], ...] = ()


def probe(state: State, kernel: Kernel | None = None) -> Proof:
    """KVM when a guest boots on it within the limit, else TCG.

    Raises:
        HypervisorError: QEMU is missing, or no guest boots at all.
        KernelError: there is no guest kernel to try with.
    """
    return choose(state, None, kernel or find_kernel(state))


def choose(state: State, asked: Accelerator | None, kernel: Kernel) -> Proof:
    """The accelerator asked for, or the best that works.

    Raises:
        HypervisorError: the one asked for doesn't work here, or QEMU is missing.
    """
    if asked not in (None, Accelerator.KVM):
        return _emulated(state, kernel, asked, Kvm.UNUSED, "asked for")
    what, why, finding = _try_kvm(state, kernel)
    if finding.model is not None:
        return Proof(Accelerator.KVM, finding.model, why, what, rejected=finding.rejected)
    if asked is Accelerator.KVM:
        raise HypervisorError(f"KVM doesn't work here: {why}", "use --accelerator tcg")
    return _emulated(state, kernel, Accelerator.TCG, what, why, finding.rejected)


def default_threads(guest: Architecture) -> Threads:
    """What QEMU does unless told: a thread a processor if the host keeps what the guest's order promises.

    Source: `default_mttcg_enabled` in QEMU's accel/tcg/tcg-all.c.
    """
    is_ordered = host_name() in ("x86_64", "i686", "s390x")
    return Threads.SINGLE if guest.is_strongly_ordered and not is_ordered else Threads.MULTI


def _try_kvm(state: State, kernel: Kernel) -> tuple[Kvm, str, Finding]:
    if kernel.architecture != host_name():
        why = f"KVM on {host_name()} has no guests of {kernel.architecture}"
        return Kvm.FOREIGN, why, Finding(None)
    if fault := kvm.fault():
        return *fault, Finding(None)
    found = find(state, kernel, Accelerator.KVM)
    if found.model is None:
        return Kvm.FAKE, f"KVM opens, but no guest boots on it ({found.faults()})", found
    why = f"a guest booted on KVM with the CPU model {found.model}"
    if outside := kvm.surrounding():
        return Kvm.NESTED, f"{why}, nested: this host is a virtual machine ({outside})", found
    return Kvm.NATIVE, why, found


def _emulated(
    state: State,
    kernel: Kernel,
    asked: Accelerator,
    what: Kvm,
    why: str,
    rejected: tuple[tuple[str, str], ...] = (),
) -> Proof:
    found = find(state, kernel, Accelerator.TCG)
    if found.model is None:
        raise HypervisorError(
            f"no guest of {kernel.architecture} boots on TCG ({found.faults()})", "use another kernel"
        )
    default = default_threads(architecture(kernel.architecture))
    threads = {Accelerator.TCG_SINGLE: Threads.SINGLE, Accelerator.TCG_MULTI: Threads.MULTI}.get(
        asked, default
    )
    return Proof(
        Accelerator.TCG, found.model, why, what, threads, threads is not default, (*rejected, *found.rejected)
    )
