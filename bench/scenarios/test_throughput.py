"""How many bytes a second go through an instance's network, by iperf3?"""

import json

from bench.generator import LoadGenerator
from bench.recorder import Recorder
from bench.scope import running
from bench.serving import serving
from bench.subject import Prepared, RunSpec, Subject, SubjectError
from results import Better

MAIN = ("received", "to-instance")

_SECONDS = "1"
_TIMEOUT = 60.0


def test_throughput(subject: Subject, tools: Prepared, generator: LoadGenerator, recorder: Recorder) -> None:
    serve = RunSpec(tools, ("iperf3", "--server", "--forceflush"), network=True)
    idle = RunSpec(tools, ("sh", "-c", "echo ready; exec sleep 100000"), network=True)
    with serving(subject, serve) as (_, address), running(subject, idle) as peer:
        ask = ("iperf3", "--client", str(address), "--time", _SECONDS, "--json")

        def keep(phase: str, printed: str) -> None:
            told = json.loads(printed)
            if "sum_received" not in told["end"]:
                raise SubjectError(f"iperf3 measured nothing {phase}", told.get("error", ""))
            received = told["end"]["sum_received"]["bits_per_second"] / 1e6
            recorder.add("received", "Mbit/s", [received], phase=phase, better=Better.HIGHER)

        for _ in range(recorder.rounds):
            keep("to-instance", generator(*ask, timeout=_TIMEOUT))
            keep("from-instance", generator(*ask, "--reverse", timeout=_TIMEOUT))
            done = peer.exec(ask, timeout=_TIMEOUT)
            if done.returncode:
                raise SubjectError(f"a second instance got no answer: {done.stdout.decode().strip()[-200:]}")
            keep("between", done.stdout.decode())
