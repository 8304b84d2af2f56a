import subprocess
from pathlib import Path

import pytest

from runtime.commandline.each import each
from tare.errors import TareError


def test_help_lists_what_there_is(said):
    text = said("--help")
    assert said() == text == said("help")
    for name in ("run", "image", "container", "clean", "doctor"):
        assert f"\n  {name} " in text
    assert "make an image from this host" in said("image")


def test_help_of_a_command(said):
    text = said("run", "--help")
    assert text.startswith("usage: tarebox run [OPTIONS] IMAGE [COMMAND...]\n")
    assert "--memory" in text
    assert said("help", "run") == text
    assert said("container", "run", "--help").splitlines()[1:] == text.splitlines()[1:]


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (("nosuch",), 1, "no command `nosuch`; see `tarebox --help`"),
        (("../x",), 1, "no command `../x`"),
        (("_x",), 1, "no command `_x`"),
        (("image", "nosuch"), 1, "no command `image nosuch`; see `tarebox image --help`"),
        (("--nosuch", "run"), 125, "unknown option --nosuch"),
        (("--storage-driver",), 125, "has no value"),
        (("run",), 125, "required: IMAGE;"),
        (("start",), 1, "required: CONTAINER;"),
        (("version", "more"), 1, "unrecognized arguments: more"),
        (("stop", "--time", "soon", "one"), 125, "invalid int value: 'soon'"),
        (("run", "--nosuch", "busybox"), 125, "see `tarebox run --help`"),
        (("doctor", "--nosuch"), 125, "unrecognized arguments: --nosuch"),
    ],
)
def test_wrong_usage_is_one_line(fault, arguments, status, what):
    assert what in fault(status, *arguments)


def test_each_is_tried(capsys):
    def action(name: str) -> None:
        if name == "bad":
            raise TareError("no such thing: bad", "look\nagain")

    assert each(["a", "bad", "b"], action) == 1
    printed = capsys.readouterr()
    assert printed.out == "a\nb\n"
    assert printed.err == "tarebox: no such thing: bad; look again\n"
    assert each(["a"], action) == 0


def test_where_nothing_can_be_written_it_says_so(program, environment):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            (*program, "version"),
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "tarebox: No space left on device: the kernel refuses\n"
