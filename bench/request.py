"""What a person asks a run for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.image import DEFAULT
from bench.workload import SCENARIO as OWN
from bench.workload import Workload, from_file, from_words
from tare.errors import UsageError


@dataclass(frozen=True)
class Request:
    """The options of a run.

    Args:
        profile: how much work to do.
        subjects: names, or none for all that can run here and the profile doesn't leave out.
        scenarios: names, or none for all that the profile and this host's packages allow; with a workload of
            their own for that alone.
        image: a name in the store, or a root directory; empty for the workload's or the default.
        connect: a libvirt connection URI, or None for the embedded driver.
        runtimes: further OCI runtimes by path.
        seed: of the order; drawn when None.
        own: a TOML file with a workload; or, as words, its parts:
        ready: when it is ready.
        load: what loads it.
        metrics: what is read off the load.
        command: what is started.
        memory: its limit.
    """

    profile: str = "quick"
    subjects: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    image: str = ""
    connect: str | None = None
    runtimes: tuple[str, ...] = ()
    seed: int | None = None
    own: str = ""
    ready: str = ""
    load: str = ""
    metrics: tuple[str, ...] = ()
    command: str = ""
    memory: str = ""

    @classmethod
    def given(cls, options: Mapping[str, Any]) -> "Request":
        """Of options by name, with lists where there are several; None is for not given."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
            if value is not None
        }
        return cls(**given)

    def workload(self) -> Workload | None:
        """The workload of their own. Raises: UsageError: it makes no sense, or its scenario lacks one."""
        words = (self.ready, self.load, self.metrics, self.command, self.memory)
        if self.own:
            if any(words):
                raise UsageError("--own FILE says all of it", "leave the other options of the workload out")
            return from_file(Path(self.own))
        if not any(words):
            if OWN in self.scenarios:
                raise UsageError(
                    f"the scenario {OWN} needs a workload", "give --ready, --load and --metric, or --own"
                )
            return None
        if not self.ready:
            raise UsageError(
                "a workload of your own needs --ready", "give http://:PORT/PATH, tcp://:PORT or line:TEXT"
            )
        return from_words(*words)

    def questions(self, workload: Workload | None) -> tuple[str, ...]:
        """The scenarios asked for."""
        return self.scenarios or ((OWN,) if workload else ())

    def reference(self, workload: Workload | None) -> str:
        """The image asked for."""
        return self.image or (workload.image if workload else "") or DEFAULT

    def as_json(self) -> dict[str, Any]:
        """What was given, for the run's plan; profile and seed are members of the run."""
        given = {name: value for name, value in asdict(self).items() if value and name not in _OF_THE_RUN}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    @classmethod
    def from_json(cls, request: Mapping[str, Any], profile: str, seed: int) -> "Request":
        """The request that a run was made for."""
        return cls.given({**request, "profile": profile, "seed": seed})


_OF_THE_RUN = ("profile", "seed")
