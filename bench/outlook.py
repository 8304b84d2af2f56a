"""What a run would do and how long that takes, as a table."""

import os
from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table

from bench.cost import Costs
from bench.profile import Profile
from bench.progress import clock_face
from bench.selection import Selection
from results import Kind

_PLAIN_WIDTH = 160


def outlook(selection: Selection, costs: Costs) -> str:
    """Scenarios with who is asked how often, and the time that takes; then who takes it, and the seed."""
    plan, kinds = selection.plan, selection.kinds
    visits = plan.least()
    counts = Counter((visit.scenario, visit.subject) for visit in visits)
    seconds = {key: count * costs.of(*key) for key, count in counts.items()}
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("scenario", "subjects", "passes", "rounds", "in machines", "time"):
        grid.add_column(heading, justify="left" if heading == "scenario" else "right")
    for scenario in plan.scenarios:
        asked = [name for name in plan.subjects if counts[scenario, name]]
        effort = plan.profile.effort(scenario)
        has_machines = any(kinds[name] is Kind.VM for name in asked)
        grid.add_row(
            scenario,
            str(len(asked)),
            str(effort.passes) if effort.last == effort.passes else f"{effort.passes} to {effort.last}",
            str(effort.rounds),
            str(effort.vm_rounds) if has_machines else "\N{EN DASH}",
            clock_face(sum(seconds.get((scenario, name), 0) for name in asked)),
        )
    whole = sum(seconds.values())
    shares = {name: sum(seconds.get((each, name), 0) for each in plan.scenarios) for name in plan.subjects}
    known = sum(count for key, count in counts.items() if costs.known(*key))
    earlier = f"{known} visit{'s' * (known != 1)} as in earlier runs"
    lines = [
        _drawn(grid),
        f"subjects   {', '.join(f'{name} {clock_face(share)}' for name, share in shares.items())}",
        *(f"left out   {info.name}: {info.reason}" for info in selection.left_out),
        f"profile    {plan.profile.name}: {plan.profile.summary}",
        *_going_on(plan.profile),
        f"visits     {len(visits)}, in the order of seed {plan.seed}",
        f"estimate   {clock_face(whole)} minutes; {earlier}, others guessed",
    ]
    return "\n".join(lines)


def _drawn(grid: Table) -> str:
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_PLAIN_WIDTH)
    with console.capture() as capture:
        console.print(grid)
    return capture.get().rstrip("\n")


def _going_on(profile: Profile) -> list[str]:
    if profile.target is None or profile.budget is None:
        return []
    return [
        f"target     passes are added until medians are known within \N{PLUS-MINUS SIGN}{profile.target:.0%}",
        f"budget     {clock_face(profile.budget)} minutes, after which no further pass is begun",
    ]
