"""How many transactions does PostgreSQL commit, asked by pgbench over four connections?"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from bench.application import weigh_application
from bench.generator import LoadGenerator
from bench.ready import Ready
from bench.recorder import Recorder
from bench.subject import Prepared, RunSpec, Subject

MAIN = ("requests", "")

_PORT = 5432
_READY = Ready("line", text="ready to accept connections")
SERVE = """
cd /var/lib/postgresql/*/main
echo "host all all all trust" > /tmp/hba
echo ready
exec setpriv --reuid=postgres --regid=postgres --clear-groups \
    /usr/lib/postgresql/*/bin/postgres -D "$PWD" -c config_file=/dev/null -c hba_file=/tmp/hba \
    -c listen_addresses='*' -c unix_socket_directories= -c shared_buffers=32MB 2>&1
"""
_WHO = ("-U", "postgres", "-p", str(_PORT))
_DATABASE = "postgres"


def test_postgresql(
    weigh: Callable[..., Any], subject: Subject, tools: Prepared, generator: LoadGenerator, recorder: Recorder
) -> None:
    def fill(address: IPv4Address) -> None:
        generator("pgbench", "-i", "-q", "-h", str(address), *_WHO, _DATABASE)

    def load(address: IPv4Address) -> str:
        return generator("pgbench", "-n", "-c", "4", "-T", "2", "-h", str(address), *_WHO, _DATABASE)

    def read(printed: str) -> dict[str, tuple[float, float]]:
        rate = re.search(r"tps = ([\d.]+)", printed)
        mean = re.search(r"latency average = ([\d.]+) ms", printed)
        assert rate, printed
        assert mean, printed
        return {"": (float(rate[1]), float(mean[1]) / 1e3)}

    spec = RunSpec(tools, ("sh", "-c", SERVE), network=True)
    weigh_application(weigh, subject, recorder, spec, _READY, load, read, prepare=fill)
