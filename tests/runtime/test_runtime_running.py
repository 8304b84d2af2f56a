"""Engine.run: an image to its end in one call."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from leftovers import leftovers

from runtime import Bind, Engine, Limits
from runtime.network.clean import clean
from runtime.rootfs import bootstrap_busybox
from tare.errors import TareError
from tare.state import State


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> State:
    """A state with the image busybox."""
    state = State.at(tmp_path_factory.mktemp("running"))
    bootstrap_busybox(state)
    return state


@pytest.fixture
def run(place):
    """Runs an image and returns its status and what it wrote; nothing but the bridge may be left."""

    def running(*argv: str, image: str = "busybox", **options) -> tuple[int, str]:
        reading, writing = os.pipe()
        with os.fdopen(reading) as output:
            try:
                status = engine.run(image, argv, stdio=(None, writing, writing), **options)
            finally:
                os.close(writing)
            return status, output.read()

    with Engine(place) as engine:
        yield running
    list(clean(place))
    assert leftovers(place) == []
    assert not any(place.directory("containers").iterdir())


def test_it_returns_the_status_of_the_command(run) -> None:
    assert run("sh", "-c", "echo said; exit 7") == (7, "said\n")


def test_it_has_a_network_limits_and_a_name(run) -> None:
    script = "ip -o -4 addr show eth0; hostname; grep -c $(hostname) /etc/hosts; cat /proc/self/cgroup"
    status, said = run("sh", "-c", script, limits=Limits(memory=64 << 20, pids=20), hostname="lab")
    assert status == 0
    assert "inet 10." in said
    assert "\nlab\n1\n" in said


def test_containers_reach_each_other(run) -> None:
    status, address = run("sh", "-c", "ip -o -4 route get 10.0.0.1 | sed 's/.*via \\([^ ]*\\).*/\\1/'")
    assert status == 0
    assert run("ping", "-c", "1", "-W", "5", address.strip())[0] == 0


def test_it_may_go_without_a_network_or_share_the_hosts(run) -> None:
    assert run("ls", "/sys/class/net", network="none") == (0, "lo\n")
    assert run("readlink", "/proc/self/ns/net", network="host")[1].strip() == str(
        Path("/proc/self/ns/net").readlink()
    )


def test_options_go_over_the_image(run, tmp_path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "file").write_text("from the host\n")
    said = run(
        "sh",
        "-c",
        "cat /mnt/file; echo $GREETING $(id -u) $(pwd); echo > /file",
        env={"GREETING": "hello"},
        user="7:8",
        workdir="/tmp",
        binds=[Bind(tmp_path, "/mnt", read_only=True)],
        read_only=True,
        network="none",
    )
    assert said == (1, "from the host\nhello 7 /tmp\nsh: can't create /file: Read-only file system\n")


def test_a_command_that_takes_too_long_is_killed(run) -> None:
    with pytest.raises(TimeoutError):
        run("sleep", "100", timeout=0.2)


def test_many_run_at_a_time(run) -> None:
    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda number: run("echo", str(number)), range(6)))
    assert ended == [(0, f"{number}\n") for number in range(6)]


@pytest.mark.parametrize(
    ("argv", "options", "message"),
    [
        (("true",), {"image": "nothing"}, "no image 'nothing'"),
        (("true",), {"network": "nowhere"}, "nowhere"),
        (("true",), {"network": "container:box"}, "box"),
        (("true",), {"user": "nobody-such"}, "nobody-such"),
        (("no-such-command",), {}, "no-such-command"),
    ],
)
def test_what_cannot_be_run_is_one_line(run, argv, options, message) -> None:
    with pytest.raises(TareError, match=message) as raised:
        run(*argv, **options)
    assert "\n" not in str(raised.value)


def test_the_image_stays_as_it_was(run, place) -> None:
    before = sorted(str(path) for path in Path(bootstrap_busybox(place)).rglob("*"))
    assert run("sh", "-c", "echo > /new; rm /bin/vi; ls /new", network="none") == (0, "/new\n")
    assert sorted(str(path) for path in Path(bootstrap_busybox(place)).rglob("*")) == before
