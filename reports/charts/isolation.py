"""Whose kernel the instance runs on, what it sees of the host, and what it can ask of a kernel."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="isolation",
    order=80,
    title="Operating system",
    question="Whose kernel is it, what of the host shows through, and what is left to call?",
    method=(
        "The boot id read inside the instance (/proc/sys/kernel/random/boot_id, random(4)) is compared "
        "with the host's: the same id means the same running kernel. So is what proc and sysfs show. Every "
        "system call is tried with arguments that can't act. In a virtual machine, calls and capabilities "
        "are those of the guest's kernel, not of the host's."
    ),
    draw=lambda run: panels(run, "isolation", columns=2),
    threats=(
        "A call that is reached may still be refused with better arguments: this is the surface, not the "
        "damage. Equal values of two kernels count as seen."
    ),
)
