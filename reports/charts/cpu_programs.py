"""How fast do known programs compute, and what does the host spend on it?"""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="cpu-programs",
    order=31,
    title="Programs that compute",
    question="How fast do known programs compute, and what does the host spend on it?",
    method=(
        "sysbench, openssl and zstd, as the distribution has them, tell what they did in which time. "
        "Host CPU is all that the host spent meanwhile, what the guest can't see included, for each "
        "unit of work."
    ),
    draw=lambda run: panels(run, "cpu-programs", columns=2),
    threats=(
        "A guest's clock times its own work. The CPU time has the program's start in it, which is long "
        "under emulation. A guest may lack instructions that the host's libraries use."
    ),
)
