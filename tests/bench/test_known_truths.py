"""What is known to be there has to be seen: a delay, a ballast and a quota, by the harness's own figures."""

from pathlib import Path
from statistics import median

import pytest

from bench import footprint
from bench.lab import Lab
from bench.payload_image import payload_image
from bench.payload_samples import IDLE, samples
from bench.scenarios.test_cpu_quota import QUOTA
from bench.scope import running
from bench.subject import MIB, RunSpec
from bench.subjects.host import Host
from bench.subjects.tarebox import Tarebox
from tare.state import State


@pytest.fixture(scope="module")
def lab(root):
    with Lab(State.at(root)) as opened:
        yield opened


@pytest.fixture(scope="module", params=[Host, Tarebox], ids=["host", "tarebox"])
def prepared(request, lab):
    """A subject and our own programs in its form."""
    subject = request.param(lab)
    return subject, subject.prepare(payload_image(lab.state))


def test_a_sleep_in_a_start_shows(prepared) -> None:
    subject, image = prepared
    starts: dict[str, list[float]] = {"0": [], "20": []}
    for _ in range(25):
        for milliseconds, taken in starts.items():
            with running(subject, RunSpec(image, (*IDLE, milliseconds))) as instance:
                taken.append(instance.timeline.seconds()["first-output"])
    # Load beside only ever adds, and more to what waits to be woken, so the quickest of both are compared.
    assert min(starts["20"]) - min(starts["0"]) == pytest.approx(0.020, abs=0.001)


def test_a_ballast_shows_in_the_footprint(prepared) -> None:
    subject, image = prepared
    found = []
    for mebibytes in ("0", "64"):
        with running(subject, RunSpec(image, (*IDLE, "0", mebibytes))) as instance:
            found.append(instance.footprint())
    without, loaded = found
    assert loaded.pss - without.pss == pytest.approx(64 * MIB, abs=MIB)
    assert loaded.parts["private"] - without.parts["private"] == pytest.approx(64 * MIB, abs=MIB)
    if loaded.cgroup is not None and without.cgroup is not None:
        assert loaded.cgroup - without.cgroup == pytest.approx(64 * MIB, abs=MIB)


def test_a_quota_shows(lab) -> None:
    subject = Tarebox(lab)
    image = subject.prepare(payload_image(lab.state))
    with running(subject, RunSpec(image, IDLE, cpus=QUOTA)) as instance:
        # Others' load may leave it less than its quota, unless it is much more important than they are.
        group = footprint.cgroup_directory(instance._running.pid, "cpu")
        assert group is not None
        for directory in (group, group.parent):
            favour(directory)
        shares = samples(instance, "spin", 5)["share"]
    assert median(shares) == pytest.approx(QUOTA, abs=0.02)


def favour(group: Path) -> None:
    """Give a control group the highest weight that there is."""
    for name, highest in (("cpu.shares", 262144), ("cpu.weight", 10000)):
        if (group / name).exists():
            (group / name).write_text(str(highest))
