"""What docs/regression.md shows of a comparison is what is printed."""

import re
from pathlib import Path

from compared_runs import measured_run
from test_tutorial import blocks, pattern

from results.store import Store

DOCUMENT = Path(__file__).parents[2] / "docs/regression.md"


def test_the_example_prints_what_it_shows(call, tmp_path) -> None:
    store = Store(tmp_path)
    store.save(measured_run("base", 1))
    store.save(measured_run("new", 2, slower={"tarebox": 1.15, "runc": 0.9}))
    assert len(blocks(DOCUMENT)) == DOCUMENT.read_text().count("```sh\n") == 2
    for commands, shown in blocks(DOCUMENT):
        done = call("sh", "-e", "-c", commands, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(pattern(shown), done.stdout.strip(), re.DOTALL), done.stdout
