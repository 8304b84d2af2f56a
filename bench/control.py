"""The A/A control: one subject asked twice under two names, whose difference is nothing but noise."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from bench.subject import Availability, Image, Instance, Makeup, Prepared, RunSpec, Subject
from results import Kind

AGAIN = "-again"
_PREFERRED = "tarebox"


class Again:
    """A subject under a second name."""

    def __init__(self, subject: Subject) -> None:
        self.name = subject.name + AGAIN
        self.kind = subject.kind
        self.accelerator = subject.accelerator
        self.scenarios = subject.scenarios
        self._subject = subject

    def availability(self) -> Availability:
        """The subject's."""
        return self._subject.availability()

    def prepare(self, image: Image, *, fresh: bool = False) -> Prepared:
        """As the subject does."""
        return self._subject.prepare(image, fresh=fresh)

    def pulled(self, image: Image, reference: str) -> AbstractContextManager[Prepared]:
        """As the subject does."""
        return self._subject.pulled(image, reference)

    def start(self, spec: RunSpec) -> Instance:
        """As the subject does."""
        return self._subject.start(spec)

    def sizes(self, image: Image) -> dict[str, int]:
        """The subject's."""
        return self._subject.sizes(image)

    def added(self, image: Image) -> int:
        """The subject's."""
        return self._subject.added(image)

    def makeup(self, spec: RunSpec) -> Makeup:
        """The subject's."""
        return self._subject.makeup(spec)


def controlled(subjects: Iterable[Subject]) -> Subject | None:
    """Who is asked twice: tarebox, or the first container, or the host; None if only machines are asked."""
    candidates = [subject for subject in subjects if subject.kind is not Kind.VM]
    return min(candidates, key=lambda s: (s.name != _PREFERRED, s.kind is Kind.HOST), default=None)
