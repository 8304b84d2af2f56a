"""The faults of the virtual machine side, each with its exit code."""

from tare.errors import ExitCode, TareError


class HypervisorError(TareError):
    """QEMU or libvirt is missing, or refused what was asked."""

    exit_code = ExitCode.HYPERVISOR


class NoSuchMachineError(TareError):
    """No detached machine has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such machine: {name}", "see `tarevm ps --all`")


class KernelError(TareError):
    """No guest kernel could be found, read or unpacked."""

    exit_code = ExitCode.KERNEL


class NotReadyError(TareError):
    """The guest did not say in time that it is ready."""

    exit_code = ExitCode.NOT_READY
