"""What do the kernel's shortest paths cost a program?"""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="syscall",
    order=35,
    title="System calls and scheduling",
    question="What do the kernel's shortest paths cost a program?",
    method=(
        "One static program in every subject repeats each until it has taken long enough for the clock "
        "it has, and takes the mean of that as a sample."
    ),
    draw=lambda run: panels(run, "syscall", columns=2),
    threats=(
        "Some guests' clock steps by the timer's 4 ms, which lateness can't be finer than. A container's "
        "seccomp filter is part of what a call costs."
    ),
)
