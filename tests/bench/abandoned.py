"""Starts one instance of each named subject, says so, and waits to be killed: `abandoned.py ROOT NAME...`."""

import signal
import sys
from pathlib import Path

from bench.goals.programs import TAREBOX_OCI
from bench.image import find
from bench.lab import Lab
from bench.registry import all_subjects
from bench.runtimes import found
from bench.subject import RunSpec
from tare.state import State

state = State.at(Path(sys.argv[1]))
with Lab(state, runtimes=found([TAREBOX_OCI])) as lab:
    subjects = all_subjects(lab)
    image = find(state, "busybox")
    instances = []
    for name in sys.argv[2:]:
        subject = subjects[name]
        assert subject.availability().usable
        instances.append(
            subject.start(RunSpec(subject.prepare(image), ("sh", "-c", "echo ready; exec sleep 98765")))
        )
        instances[-1].wait_ready(30)
    print("ready", flush=True)
    signal.pause()
