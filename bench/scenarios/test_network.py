"""How soon does an instance answer over its network, and how many connections does it take in a second?"""

from collections.abc import Callable
from statistics import quantiles

from bench.command import run
from bench.recorder import Recorder
from bench.scope import running
from bench.serving import serving
from bench.subject import Prepared, RunSpec, Subject, SubjectError
from results import Better

MAIN = ("latency", "host-p50")

_PORT = "7"
_ROUND_TRIPS, _EMULATED_ROUND_TRIPS = 5000, 200
_CONNECTING_MS = 300
_TIMEOUT = 60.0


def test_network(subject: Subject, payload: Prepared, recorder: Recorder) -> None:
    count = _EMULATED_ROUND_TRIPS if subject.accelerator == "tcg" else _ROUND_TRIPS
    serve = RunSpec(payload, ("netecho", "serve", _PORT), network=True)
    idle = RunSpec(payload, ("sh", "-c", "echo ready; exec sleep 100000"), network=True)
    program = str(payload.image.rootfs / "bin/netecho")

    with serving(subject, serve) as (_, address), running(subject, idle) as peer:

        def from_host(*words: str) -> str:
            return run((program, *words), "host", timeout=_TIMEOUT).stdout.decode()

        def from_peer(*words: str) -> str:
            done = peer.exec(("netecho", *words), timeout=_TIMEOUT)
            if done.returncode:
                raise SubjectError(f"a second instance got no answer: {done.stderr.decode().strip()}")
            return done.stdout.decode()

        sides: tuple[tuple[str, Callable[..., str]], ...] = (("host", from_host), ("peer", from_peer))
        for _ in range(recorder.rounds):
            for side, ask in sides:
                trips = [int(line) / 1e9 for line in ask("ask", str(address), _PORT, str(count)).split()]
                percentiles = quantiles(trips, n=100)
                recorder.add("latency", "s", [percentiles[49]], phase=f"{side}-p50")
                recorder.add("latency", "s", [percentiles[98]], phase=f"{side}-p99")
                made, ns = map(int, ask("connect", str(address), _PORT, str(_CONNECTING_MS)).split())
                recorder.add("connections", "1/s", [made / ns * 1e9], phase=side, better=Better.HIGHER)
