"""PostgreSQL under pgbench."""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="postgresql",
    order=60,
    title="PostgreSQL",
    question="How many transactions does PostgreSQL commit in an instance?",
    method=(
        "pgbench on the host runs its TPC-B-like transactions over four connections, at scale 1. "
        "The time of a transaction is the mean."
    ),
    draw=lambda run: panels(run, "postgresql"),
    threats=(
        "The generator of the load competes for the host's CPU. PostgreSQL syncs to a container's overlay "
        "or to a machine's disk image, which differ."
    ),
)
