"""A person's own workload: what can be said of it, what comes of it, what is refused or fails in one line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load import Reading, run_load
from bench.ready import Ready
from bench.subject import SubjectError
from bench.workload import from_file, from_words
from results import Better
from results.store import Store
from tare.errors import ExitCode, UsageError

WORDS = ("http://:8080/", "true", [r"rate=([\d.]+)"])
TEXT = """
ready = "tcp://:1"
load = "true {address}"
[[metric]]
name = "a"
regex = "(.)"
"""


@pytest.mark.parametrize(
    ("text", "name", "unit", "better", "regex"),
    [
        (r"Requests/sec: ([\d.]+)", "requests-sec", "1", "higher", r"Requests/sec: ([\d.]+)"),
        (r"rps=Requests/sec: ([\d.]+)", "rps", "1", "higher", r"Requests/sec: ([\d.]+)"),
        (r"p99:ms:lower=99% +([\d.]+)", "p99", "ms", "lower", r"99% +([\d.]+)"),
        (r"p99:lower=99% +([\d.]+)", "p99", "1", "lower", r"99% +([\d.]+)"),
        (r"speed:MiB/s=a=(\d+)", "speed", "MiB/s", "higher", r"a=(\d+)"),
        (r"(\d+)", "result", "1", "higher", r"(\d+)"),
    ],
)
def test_metrics_are_read_as_written(text, name, unit, better, regex) -> None:
    assert Reading.parse(text) == Reading(name, regex, unit, Better(better))


@given(st.text(max_size=40))
def test_any_metric_is_understood_or_refused(text: str) -> None:
    try:
        reading = Reading.parse(text)
    except UsageError:
        return
    assert reading.name
    assert reading.unit


@given(st.text(max_size=40))
def test_any_readiness_is_understood_or_refused(text: str) -> None:
    for way in ("", "http:", "tcp:", "line:", "http://:", "tcp://:"):
        try:
            ready = Ready.parse(way + text)
        except UsageError:
            continue
        assert ready.scheme == "line" or 0 < ready.port < 1 << 16


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_last_match_counts(number: float) -> None:
    read = Reading("x", r"^x: (\S+)$").read(f"x: 1\nx: {number}\ny: 3\n")
    assert math.isclose(read, number)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["speed"]}, "metric speed: 'speed' has 0 groups"),
        ({"metrics": ["a=("]}, "metric a: '(' is no regular expression"),
        ({"metrics": ["a=(1)", "a=(2)"]}, "there is another metric 'a'"),
        ({"metrics": ["time=(1)"]}, "there is another metric 'time'"),
        ({"metrics": []}, "needs a load and a metric"),
        ({"load": " "}, "needs a load and a metric"),
        ({"ready": "line:on", "load": "wrk {url}"}, "the load has a {url}, but `ready` has none"),
        ({"ready": "http://localhost:80/"}, "names a host"),
        ({"ready": "http://:99999/"}, "has no port"),
        ({"ready": "8080"}, "says not what to wait for"),
        ({"command": "'httpd"}, "can't be split"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message) -> None:
    words = {"ready": WORDS[0], "load": WORDS[1], "metrics": WORDS[2], **change}
    with pytest.raises(UsageError) as refused:
        from_words(**words)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=", "is no TOML"),
        ("load = 'x'", "'ready' is missing"),
        (f"colour = 'red'\n{TEXT}", "'colour' has no meaning there"),
        (f"timeout = 'long'\n{TEXT}", "timeout can't be 'long'"),
        (f"{TEXT}better = 'more'", "better is 'more'"),
        ("ready = 'tcp://:1'\nload = 'x'\nmetric = ['a']", "metric is no table"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, text, message) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        from_file(path)
    assert str(refused.value).startswith(f"{path}")
    assert message in str(refused.value)


def test_a_load_that_fails_or_hangs_says_so() -> None:
    assert run_load("echo a; echo b >&2", 10) == "a\nb\n"
    with pytest.raises(SubjectError, match="failed with status 3: no server"):
        run_load("echo no server; exit 3", 10)
    with pytest.raises(SubjectError, match=r"the load `sleep 100 & wait` did not end in 0\.05 s"):
        run_load("sleep 100 & wait", 0.05)


def measured(directory):
    store = Store(directory / "results/runs")
    return store.load(store.latest()).records


def test_failures_are_failed_samples_with_their_reason(call, tmp_path, nothing_left) -> None:
    own = (
        *("run", "--subjects", "tarebox", "--profile", "smoke", "--no-report", "--load", "echo none"),
        *("--metric", r"rate=([\d.]+)", "--ready"),
    )
    for number, (ready, command, reason) in enumerate(
        (
            ("tcp://:80", "httpd -f -p 80", r"metric rate: '([\\d.]+)' matches nothing of 'none'"),
            ("tcp://:80", "true", "the payload ended with status 0 before it answered on port 80"),
            ("line:ready", "true", "tarebox did not print 'ready' before it ended"),
        )
    ):
        directory = tmp_path / str(number)
        directory.mkdir()
        done = call("tarebench", *own, ready, "--command", command, cwd=directory)
        assert done.returncode == ExitCode.FAILED, done.stderr
        assert "Traceback" not in done.stderr
        failed = [record for record in measured(directory) if not record.valid]
        assert {record.subject for record in failed} == {"tarebox", "tarebox-again"}
        assert all(record.notes.startswith(reason) for record in failed), failed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scenarios", "own"), "the scenario own needs a workload"),
        (("--load", "true"), "a workload of your own needs --ready"),
        (("--own", "no.toml"), "no.toml can't be read: No such file or directory"),
        (("--own", "no.toml", "--load", "true"), "--own FILE says all of it"),
    ],
)
def test_a_workload_that_is_not_whole_is_one_clear_line(call, tmp_path, arguments, message) -> None:
    done = call("tarebench", "run", *arguments, cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tarebench: {message}")


def test_the_images_own_program_variables_user_and_directory_hold(call, tmp_path, nothing_left) -> None:
    page = "(echo uid `id -u`; echo word $WORD; echo dir `pwd | wc -c`) > /tmp/page"
    changes = (
        f'CMD ["sh", "-c", "{page}; httpd -f -p 8080 -h /tmp"]',
        "USER 7:8",
        "WORKDIR /www",
        "ENV WORD=42",
    )
    (tmp_path / "own.toml").write_text(
        'image = "own"\nready = "http://:8080/page"\nload = "busybox wget -qO- {url}"\n'
        + "".join(f"[[metric]]\nname = '{name}'\nregex = '{name} (.*)'\n" for name in ("uid", "word", "dir"))
    )
    for command in (
        ("image", "bootstrap", "busybox"),
        ("create", "--name", "changed", "busybox", "true"),
        ("commit", *(word for change in changes for word in ("-c", change)), "changed", "own"),
        ("rm", "changed"),
    ):
        done = call("tarebox", *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    arguments = ("--own", "own.toml", "--subjects", "tarebox,docker,vm-micro", "--profile", "smoke")
    done = call("tarebench", "run", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert call("tarebox", "rmi", "own", cwd=tmp_path).returncode == 0
    assert "Your own workload" in done.stdout
    assert "Operating system" not in done.stdout
    found: dict[str, set[tuple[float, ...]]] = {}
    for record in measured(tmp_path):
        found.setdefault(record.metric, set()).add(record.samples)
    assert [found[name] for name in ("uid", "word", "dir")] == [{(7.0,)}, {(42.0,)}, {(5.0,)}]
    assert all(seconds > 0 for (seconds,) in found["time"])
