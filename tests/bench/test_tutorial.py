"""The tutorial runs from the top to the bottom and prints what it says."""

import re
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial.md"
_BLOCKS = re.compile(r"^```sh\n(.*?)^```\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path = TUTORIAL) -> list[tuple[str, str]]:
    """Commands, and what they print."""
    return _BLOCKS.findall(document.read_text())


def pattern(text: str) -> str:
    """What is shown, where an ellipsis stands for anything."""
    return ".*?".join(re.escape(part) for part in text.strip().split("…"))


def test_every_command_is_followed_by_what_it_prints() -> None:
    assert len(blocks()) == len(re.findall(r"^```sh$", TUTORIAL.read_text(), re.MULTILINE))


@pytest.mark.usefixtures("nothing_left")
def test_the_tutorial_runs_from_the_top_to_the_bottom(call, tmp_path) -> None:
    try:
        for commands, shown in blocks():
            done = call("sh", "-e", "-c", commands, cwd=tmp_path)
            assert done.returncode == 0, f"{commands}: {done.stderr}"
            assert re.fullmatch(pattern(shown), done.stdout.strip(), re.DOTALL), f"{commands}: {done.stdout}"
    finally:
        call("tarebox", "clean", cwd=tmp_path)
