"""How exactly does a limit of half a processor hold?"""

from reports.registry import Chart, panels

CHART = Chart(
    scenario="cpu-quota",
    order=32,
    title="A quota of CPU time",
    question="How exactly does a limit of half a processor hold?",
    method=(
        "A program that would use all of a processor measures which share it had, over half a second a "
        "sample. On a busy host it may have less than it is allowed; more is never right."
    ),
    draw=lambda run: panels(run, "cpu-quota", columns=2),
    threats=(
        "Only containers have quotas. A busy host gives less than the limit, so it is the upper side that "
        "counts; the first tenth of a second does not."
    ),
)
