import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TAREBOX = (sys.executable, "-c", "import sys; from runtime.cli import main; sys.exit(main())")


@pytest.fixture
def environment(state, tmp_path, image):
    state.directory("images")
    (state.data / "images/busybox").symlink_to(image)
    return {**os.environ, "TAREBENCH_ROOT": str(tmp_path)}


@pytest.fixture
def tarebox(environment):
    def called(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
        options = {"input": "", **options}
        return subprocess.run(
            (*TAREBOX, *arguments),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **options,
        )

    return called


def test_run_passes_everything_through(tarebox):
    command = "cat; echo $NAME $(hostname) $(pwd) $(id -u); echo wrong >&2; exit 9"
    options = (
        "--env",
        "NAME=value",
        "--hostname",
        "named",
        "--workdir",
        "/made",
        "--user",
        "nobody",
        "--memory",
        "32m",
    )
    ended = tarebox(
        "run", *options, "--cpus", "0.5", "--pids", "30", "busybox", "sh", "-c", command, input="given\n"
    )
    assert ended.stdout == "given\nvalue named /made 65534\n"
    assert (ended.stderr, ended.returncode) == ("wrong\n", 9)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("run", "nosuchimage", "true"), 125, "no image 'nosuchimage'"),
        (("run", "./no/such/directory", "true"), 125, "no image directory"),
        (("run", "--memory", "banana", "busybox", "true"), 125, "'banana' is no size"),
        (("run", "--memory", "-1", "busybox", "true"), 125, "'-1' is no size"),
        (("run", "--memory", "1", "busybox", "true"), 125, "too small"),
        (("run", "--cpus", "many", "busybox", "true"), 125, "'many' is no number"),
        (("run", "--cpus", "nan", "busybox", "true"), 125, "no meaning"),
        (("run", "--pids", "0", "busybox", "true"), 125, "no meaning"),
        (("run", "--user", "stranger", "busybox", "true"), 125, "no user 'stranger'"),
        (("run", "--env", "=x", "busybox", "true"), 125, "sets no variable"),
        (("run", "--hostname", "a b", "busybox", "true"), 125, "no hostname"),
        (("run", "--workdir", "here", "busybox", "true"), 125, "relative"),
        (("run", "busybox"), 125, "no command"),
        (("run", "busybox", "nosuchcommand"), 127, "not found"),
        (("run", "busybox", "/etc/passwd"), 126, "can't be executed"),
    ],
)
def test_faults_are_one_line(tarebox, arguments, status, said):
    ended = tarebox(*arguments)
    assert ended.returncode == status
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr


def test_without_root_it_says_so(image):
    command = f"import os; os.setuid(65534); {TAREBOX[2]}"
    environment = {**os.environ, "TAREBENCH_ROOT": "/nonexistent/place"}
    ended = subprocess.run(
        (
            shutil.which("python3", path="/usr/bin") or sys.executable,
            "-c",
            command,
            "run",
            str(image),
            "true",
        ),
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 125
    assert ended.stderr.count("\n") == 1


def test_out_of_memory_is_explained(tarebox):
    ended = tarebox("run", "-m", "8m", "busybox", "sh", "-c", "head -c 100m /dev/zero | tail -c 100m")
    assert ended.returncode == 137
    assert "memory limit" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_forwarded(environment, number):
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got; exit 42' {name}; echo ready; while :; do sleep 0.05; done"
    argv = (*TAREBOX, "run", "busybox", "sh", "-c", script)
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=20)[0] == b"got\n"
    assert process.returncode == 42


def test_an_unhandled_signal_ends_it(environment):
    argv = (*TAREBOX, "run", "busybox", "cat")
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        process.stdin.write(b"ready\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 137


def test_killed_it_takes_the_container_along(environment):
    argv = (*TAREBOX, "run", "busybox", "sh", "-c", "echo ready; exec sleep 60")
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        assert process.stdout.read() == b""
    ended = subprocess.run((*TAREBOX, "clean"), env=environment, capture_output=True, text=True, check=True)
    assert "Traceback" not in ended.stderr


def test_doctor_and_bootstrap(tarebox, environment, state):
    ended = tarebox("doctor")
    assert ended.returncode == 0, ended.stdout
    assert "no " not in [line[:3] for line in ended.stdout.splitlines()]
    (state.data / "images/busybox").unlink()
    ended = tarebox("image", "bootstrap", "busybox")
    assert ended.stdout.startswith("sha256:")
