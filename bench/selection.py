"""Who is asked what: the subjects that can run here, the control, and the plan over them."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bench.control import Again, controlled
from bench.lab import Lab
from bench.plan import Plan, chosen_scenarios
from bench.profile import Profile
from bench.registry import all_subjects, chosen
from bench.subject import Subject, SubjectError
from results import Kind, SubjectInfo


@dataclass(frozen=True)
class Selection:
    """A plan and those it is for.

    Args:
        plan: the visits.
        usable: the subjects it visits, by name.
        infos: all that were asked for, those that can't run here too.
    """

    plan: Plan
    usable: Mapping[str, Subject]
    infos: tuple[SubjectInfo, ...]

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each usable subject."""
        return {name: subject.kind for name, subject in self.usable.items()}

    @property
    def left_out(self) -> tuple[SubjectInfo, ...]:
        """Those that can't run here."""
        return tuple(info for info in self.infos if not info.available)


def select(
    lab: Lab,
    profile: Profile,
    *,
    subjects: Iterable[str] = (),
    scenarios: Iterable[str] = (),
    seed: int | None = None,
) -> Selection:
    """Look who can run here and plan.

    Args:
        lab: what the subjects share.
        profile: how much work to do.
        subjects: names, beside those of added runtimes, or none for all that can run here and the profile
            doesn't leave out.
        scenarios: names, or none for all that the profile allows.
        seed: of the order; drawn when None.

    Raises:
        UsageError: a name is unknown.
        SubjectError: no subject asked for can run here.
    """
    known = all_subjects(lab)
    names = tuple(chosen_scenarios(scenarios, tools=profile.tools, leaves_out=profile.leaves_out))
    asked = chosen(known, dict.fromkeys((*subjects, *lab.runtimes)) if subjects else ()) or {
        name: subject for name, subject in known.items() if name not in profile.leaves_out
    }
    infos = [_info(subject) for subject in asked.values()]
    usable = {info.name: asked[info.name] for info in infos if info.available}
    if not usable:
        reasons = "; ".join(f"{info.name}: {info.reason}" for info in infos)
        raise SubjectError(f"no subject can run here ({reasons})", "run `tarebench doctor`")
    if control := controlled(usable.values()):
        again = Again(control)
        usable[again.name] = again
        infos.append(replace(_info(again), again=control.name))
    plan = Plan(
        profile,
        names,
        tuple(usable),
        secrets.randbelow(2**32) if seed is None else seed,
        {} if subjects else {name: subject.scenarios for name, subject in usable.items()},
    )
    return Selection(plan, usable, tuple(infos))


def _info(subject: Subject) -> SubjectInfo:
    availability = subject.availability()
    return SubjectInfo(
        subject.name, subject.kind, availability.version, availability.usable, availability.reason
    )
