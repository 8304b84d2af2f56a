"""Whatever is killed wherever, the next start works and clean leaves nothing; the fixture looks."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from network_lab import HOST

from runtime import syscalls
from runtime.network import clean, forwarding, sysctls
from runtime.network.networks import Networks
from runtime.steps.network import Network
from tare.ports import parse
from tare.state import State

CHURN = """
import sys
sys.path.insert(0, sys.argv[1])
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runtime.network.networks import Networks
from runtime.network.model import Connection
from runtime import syscalls
from runtime.network import sysctls
from tare.ports import parse
from tare.state import State
networks = Networks(State.at(Path(sys.argv[2])))
print("ready", flush=True)
for number in range(1000):
    container, port = f"{number:02x}" * 32, 9000 + number
    networks.attach(container, [Connection("bridge"), Connection("net")], publish=parse(f"{port}:80"))
    networks.plug(container, int(sys.argv[3]))
    networks.announce(container)
    networks.disconnect(container, "bridge")
    networks.disconnect(container, "net")
    networks.release(container)
    if number % 3 == 0:
        name = f"other{sys.argv[3]}-{number}"
        networks.create(name, ipv6=True)
        networks.remove(name)
"""


def test_killed_anywhere(lab, tmp_path):
    lab.on_host(lab.networks.create, "net", ipv6=True)
    project = str(Path(__file__).parent.parent.parent)
    for _ in range(6):
        target = lab.spawn("unshare", "--net", "sleep", "60")
        own = Path(lab.own).readlink()
        while Path(f"/proc/{target.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        argv = (sys.executable, "-c", CHURN, project, str(tmp_path), str(target.pid))
        churn = lab.spawn(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert churn.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.5))
        churn.send_signal(signal.SIGKILL)
        assert churn.communicate()[1].decode() == ""
        target.kill()
        target.wait()
    run, _ = lab.serve("a" * 64, publish=parse("9000:80"))
    assert lab.outside("busybox", "wget", "-qO-", f"http://{HOST}:9000/") == "tarebench\n"
    lab.remove(run, "a" * 64)
    lab.on_host(lab.networks.sweep)
    assert list(lab.state.run.glob("networks/members/*/leases/*")) == []
    assert list(lab.state.run.glob("networks/ports/*")) == []


def test_joining_another_containers_namespace(lab):
    run, _ = lab.start("a" * 64, "sleep", "60")
    path = f"/proc/{run.pid}/ns/net"
    pid = os.fork()
    if pid == 0:
        step = Network.__new__(Network)
        step.perform([("join", path, syscalls.CLONE_NEWNET)])
        os._exit(Path("/proc/self/ns/net").readlink() != Path(path).readlink())
    assert os.waitpid(pid, 0)[1] == 0


FIRST = """
import sys
sys.path.insert(0, sys.argv[1])
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runtime.network.networks import Networks
from runtime import syscalls
from runtime.network import sysctls
from tare.ports import parse
from tare.state import State
networks = Networks(State.at(Path(sys.argv[2])))
print("ready", flush=True)
sys.stdin.readline()
sandbox = networks.attach(sys.argv[4], name=f"c{sys.argv[4][0]}", publish=parse("80"))
networks.plug(sandbox.container, int(sys.argv[3]))
networks.announce(sandbox.container)
print(sandbox.published[0].host_port, flush=True)
sys.stdin.readline()
"""


def test_first_starts_at_once(lab, tmp_path):
    project = str(Path(__file__).parent.parent.parent)
    started = []
    for letter in "abcdef":
        target = lab.spawn("unshare", "--net", "sleep", "60")
        own = Path(lab.own).readlink()
        while Path(f"/proc/{target.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        argv = (sys.executable, "-c", FIRST, project, str(tmp_path), str(target.pid), letter * 64)
        started.append(lab.spawn(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"ready\n"
    for process in started:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    ports = [int(process.stdout.readline()) for process in started]
    assert len(set(ports)) == 6
    rules = lab.sh("nft", "list", "map", "inet", f"tare{lab.state.tag}", "any4")
    assert all(f"tcp . {port} : " in rules for port in ports)
    names = {f"c{letter}" for letter in "abcdef"}
    for letter in "abcdef":
        hosts = lab.networks.sandbox(letter * 64).binds[1].source.read_text()
        assert names <= set(hosts.split())


def test_settings_of_another_namespace_stay(lab):
    run, _ = lab.start("a" * 64, "sleep", "60")

    def restored() -> tuple[list[str], str]:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        sysctls.put("ipv4/ip_forward", "1")
        return clean.clean(State.at(lab.state.run / "other")), sysctls.get("ipv4/ip_forward")

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(restored).result() == ([], "1")
    lab.remove(run, "a" * 64)


def test_the_last_root_puts_settings_back(lab, tmp_path):
    other = State.at(tmp_path / "other")
    networks = Networks(other)

    def forwards() -> tuple[str, str]:
        return sysctls.get("ipv4/ip_forward"), sysctls.get("ipv6/conf/all/forwarding")

    before = lab.on_host(forwards)
    for first, second in ((lab.state, other), (other, lab.state)):
        lab.on_host(lab.networks.bring_up, "bridge")
        lab.on_host(networks.create, "six", ipv6=True)
        lab.on_host(networks.bring_up, "six")
        said = lab.on_host(clean.clean, first)
        assert not [line for line in said if line.startswith("setting")]
        assert lab.on_host(forwards) == ("1", "1")
        assert "setting net.ipv4.ip_forward" in lab.on_host(clean.clean, second)
        assert lab.on_host(forwards) == before
        networks = Networks(other)
        networks.remove("six")
        lab.networks = Networks(lab.state)


def test_settings_of_a_root_killed_before_its_bridge_was_there(lab, tmp_path):
    def rise() -> None:
        with forwarding.held(lab.state) as record:
            sysctls.forward(lab.networks.get("bridge"), record)

    lab.on_host(rise)
    assert lab.on_host(sysctls.get, "ipv4/ip_forward") == "1"
    lab.on_host(clean.clean, State.at(tmp_path / "other"))
    assert lab.on_host(sysctls.get, "ipv4/ip_forward") == "0"
