"""Where instances keep their files: each place is one process's, whoever else wants it."""

import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Barrier

import pytest
from vm_remains import directories

from tare.state import State
from vm_baseline.ending import end_abandoned
from vm_baseline.place import (
    new_place,
    open_to_daemon,
    place_named,
    places,
    run_directory,
    take_abandoned,
)

PROCESSES = 4
ROUNDS = 25
KEEPER = """
import sys
from pathlib import Path
from tare.errors import UsageError
from tare.state import State
from vm_baseline.keeper import _reserve

state = State(*map(Path, sys.argv[1:]))
print(flush=True)
for line in sys.stdin:
    try:
        own = _reserve(state, line.strip())
    except UsageError as error:
        print(error.what, flush=True)
        continue
    (own.data / 'mark').touch(exist_ok=False)
    (own.run / 'mark').touch(exist_ok=False)
    print(flush=True)
    sys.stdin.readline()
    own.remove()
    print(flush=True)
"""


@contextmanager
def python(code: str, state: State) -> "Iterator[subprocess.Popen[str]]":
    """A process that runs code which says a line once it is there."""
    words = [sys.executable, "-c", code, state.data, state.run]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def tell(process: "subprocess.Popen[str]", line: str) -> None:
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_a_place_is_held_by_the_process_that_made_it(state) -> None:
    code = (
        "import sys; from pathlib import Path; from tare.state import State\n"
        "from vm_baseline.place import new_place\n"
        "print(new_place(State(*map(Path, sys.argv[1:])), 'vm').name, flush=True)\n"
        "sys.stdin.read()"
    )
    own = new_place(state, "vm")
    with python(code, state) as other:
        theirs = place_named(state, "vm", other.stdout.readline().strip())
        assert take_abandoned(state, "vm") == []
        assert own.is_held
        assert theirs.is_held
        theirs.remove()
        assert theirs.data.is_dir()
        other.kill()
    assert not theirs.is_held
    assert take_abandoned(state, "vm") == [theirs]
    assert take_abandoned(state, "vm") == []
    for place in (own, theirs):
        place.remove()
        place.remove()
        assert not place.is_held
        assert not place.take()


def test_what_a_place_needs_and_can_not_have_leaves_none(state) -> None:
    (run_directory(state) / "vm").write_text("in the way")
    with pytest.raises(OSError, match="vm"):
        new_place(state, "vm")
    assert places(state, "vm") == []
    (run_directory(state) / "vm").unlink()


def test_files_whose_sockets_a_reboot_took_go_with_the_next_open(state) -> None:
    left = new_place(state, "vm")
    (left.data / "disk.qcow2").touch()
    left.leave()
    shutil.rmtree(left.run)
    assert end_abandoned(state) == []
    assert places(state, "vm") == []


def test_a_name_whose_files_somebody_deleted_can_be_had(state) -> None:
    lost = new_place(state, "detached", "one")
    (lost.run / "control").touch()
    shutil.rmtree(lost.data)
    lost.leave()
    again = new_place(state, "detached", "one")
    assert list(again.run.iterdir()) == []
    again.remove()


def test_of_many_that_take_a_place_while_others_look_one_has_it(state) -> None:
    at_once = Barrier(8)

    def want(looks: int) -> bool:
        at_once.wait()
        for _ in range(looks):
            place.is_held  # noqa: B018 - for the lock that it takes
        return place.take()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(4 * ROUNDS):
            place = new_place(state, "detached", "one")
            place.leave()
            assert sum(pool.map(want, range(8))) == 1
            assert place.is_held
            place.remove()


def test_who_makes_a_place_has_it_however_many_look_and_take(state) -> None:
    place, over = place_named(state, "detached", "one"), []

    def look() -> None:
        while not over:
            assert not place.take()
            place.is_held  # noqa: B018 - for the lock that it takes

    with ThreadPoolExecutor(3) as pool:
        lookers = [pool.submit(look) for _ in range(3)]
        for _ in range(10 * ROUNDS):
            assert new_place(state, "detached", "one") == place
            assert place.is_held
            assert place.run.is_dir()
            with pytest.raises(FileExistsError):
                new_place(state, "detached", "one")
            place.remove()
        over.append(True)
        for looker in lookers:
            looker.result()


def test_of_many_keepers_at_once_one_has_the_name(state) -> None:
    with ExitStack() as stack:
        keepers = [stack.enter_context(python(KEEPER, state)) for _ in range(PROCESSES)]
        for keeper in keepers:
            keeper.stdout.readline()
        for number in range(ROUNDS):
            if number % 2:  # one that was killed before its machine was there
                left = new_place(state, "detached", "one")
                (left.data / "mark").touch()
                left.leave()
            for keeper in keepers:
                tell(keeper, "one")
            answers = [keeper.stdout.readline().strip() for keeper in keepers]
            assert sorted(answers) == ["", *["the machine name 'one' is already in use"] * (PROCESSES - 1)]
            one = place_named(state, "detached", "one")
            assert one.is_held
            assert all((directory / "mark").exists() for directory in (one.data, one.run))
            winner = keepers[answers.index("")]
            tell(winner, "over")
            winner.stdout.readline()
            assert directories(state, "detached") == []


def test_a_daemon_reaches_an_instances_files_and_reads_the_shared_ones(tmp_path) -> None:
    state = State.at(tmp_path / "root")
    place = new_place(state, "vm")
    written, socket = place.data / "disk", place.run / "serial"
    read, foreign = state.directory("disks") / "base", tmp_path / "other"
    for path in (written, socket, read, foreign):
        path.touch(0o600)
    open_to_daemon(state, [written, socket, read, foreign])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (written, socket, read, foreign)]
    assert modes == [0o666, 0o666, 0o644, 0o600]
    passed = (state.run, state.data, read.parent, *place.data.parents[:3], *place.run.parents[:2])
    assert all(path.stat().st_mode & 0o111 == 0o111 for path in passed)
    place.remove()


def test_a_long_root_gets_a_short_link(tmp_path, data) -> None:
    deep = State(data, tmp_path / ("x" * 60) / "run")
    link = run_directory(deep)
    try:
        assert len(str(link)) <= 44
        assert link.resolve() == deep.run.resolve()
        assert run_directory(deep) == link
    finally:
        link.unlink()
