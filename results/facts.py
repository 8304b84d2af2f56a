"""What was found in words beside the numbers, and is found otherwise in another run."""

from dataclasses import dataclass

from results.run import Run
from results.series import Identity


@dataclass(frozen=True)
class FactChange:
    """One finding that is another now; `was` or `is_` is empty where it wasn't found."""

    identity: Identity
    name: str
    was: str
    is_: str

    def __str__(self) -> str:
        return (
            f"{self.name} of {self.identity} was {self.was or 'not there'} and is {self.is_ or 'not there'}"
        )


def changed_facts(base: Run, new: Run) -> tuple[FactChange, ...]:
    """All findings of series that both runs have, by the last pass, where they differ."""
    before, after = _facts(base), _facts(new)
    return tuple(
        FactChange(identity, name, facts.get(name, ""), after[identity].get(name, ""))
        for identity, facts in before.items()
        if identity in after
        for name in dict.fromkeys((*facts, *after[identity]))
        if facts.get(name) != after[identity].get(name)
    )


def _facts(run: Run) -> dict[Identity, dict[str, str]]:
    again = {subject.name for subject in run.subjects if subject.again}
    return {
        Identity.of(record): dict(record.facts)
        for record in run.records
        if record.facts and record.subject not in again
    }
