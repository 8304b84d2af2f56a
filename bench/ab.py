"""`tarebench ab`: two revisions of this project measured in turns on this host, and compared."""

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

from tare.errors import UsageError
from tare.state import State

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_OURS = ("--results", "--out", "--no-report", "--until", "--resume")


def add(commands: "Commands") -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "ab",
        help="measure two revisions in turns on this host, and compare them",
        usage="%(prog)s --base REV [--new REV] [options] -- options of `tarebench run`",
    )
    parser.add_argument("--base", required=True, metavar="REV", help="the revision to compare with")
    parser.add_argument("--new", default="HEAD", metavar="REV", help="the one to judge (default: HEAD)")
    parser.add_argument(
        "--repository", type=Path, default=Path(), metavar="DIR", help="a clone of this project (default: .)"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results/ab"), help="where both runs go (default: results/ab)"
    )
    parser.add_argument("--format", default="text", metavar="NAME", help="as of `tarebench compare`")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="of `tarebench run`")
    parser.set_defaults(perform=_ab)


def _ab(options: argparse.Namespace) -> int:
    from bench.compare import judged
    from bench.revision import built, resolved
    from bench.turns import Side, take_turns
    from results.comparability import Obstacle

    if ours := [word for word in options.options if word.partition("=")[0] in _OURS]:
        raise UsageError(f"{ours[0]} can't be given to both", "leave it away")
    seed = random.SystemRandom().randrange(2**31)
    given = options.options if "--seed" in options.options else [*options.options, "--seed", str(seed)]
    state = State.default()
    commits = {name: resolved(options.repository, getattr(options, name)) for name in ("base", "new")}
    sides = []
    for name, commit in commits.items():
        print(f"{name:<10} {commit}", flush=True)
        sides.append(Side(name, built(state, options.repository, commit), given, options.results))
    base, new = take_turns(sides, seed)
    return judged(base, new, options.format, allowed=[Obstacle.VERSION])
