"""Every command that a document shows is run as it stands, or is one of those that run this very test."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# The tutorial's commands build on each other, and others need certain runs; see test_tutorial.py,
# test_regression_document.py and test_history.py.
_ELSEWHERE = ("tutorial.md", "regression.md", "history.md")
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(
        path
        for path in (ROOT / "docs").glob("*.md")
        if path.name not in ("tutorial.md", "regression.md", "history.md")
    ),
]
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WHOLE = {
    "make bench": "tools/setup\n.venv/bin/tox -q -e bench\n",
    "make test": "tools/setup --test\n.venv/bin/tox\n",
}


def blocks() -> list[str]:
    """The commands of each block, without those that a block before it has as well."""
    seen: set[str] = set()
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL):
            new = [line for line in block.splitlines() if line and line not in seen]
            seen.update(new)
            found.append("\n".join(line for line in new if not line.startswith(("make ", "tox "))))
    return [block for block in found if block]


def commands() -> list[str]:
    texts = "".join(document.read_text() for document in DOCUMENTS)
    return list(dict.fromkeys(re.findall(r"^(?:make|tox) .*", texts, re.MULTILINE)))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("documents")


@pytest.mark.parametrize("command", [each for each in commands() if each in WHOLE])
def test_the_two_commands_do_what_they_say(call, command) -> None:
    assert call("make", "-n", *command.split()[1:], cwd=ROOT).stdout == WHOLE[command]


@pytest.mark.parametrize("command", [each for each in commands() if each.startswith("tox ")])
def test_tox_commands_name_real_environments(call, command) -> None:
    _, option, environment, *rest = shlex.split(command)
    assert option == "-e"
    assert f"[testenv:{environment}]" in (ROOT / "tox.ini").read_text()
    assert rest[:1] == ["--"]


@pytest.mark.parametrize("block", blocks())
def test_commands_run_as_written(call, workspace, nothing_left, block) -> None:
    done = call("sh", "-ec", block, cwd=workspace)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", PROGRAM.findall((ROOT / "README.md").read_text()))
def test_programs_run_as_written(call, workspace, nothing_left, program) -> None:
    assert call("tarebox", "image", "bootstrap", "busybox", cwd=workspace).returncode == 0
    done = call("python", "-c", program, cwd=workspace)
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
