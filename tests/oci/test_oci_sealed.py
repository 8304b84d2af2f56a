"""Containers that try to write to the interpreter which enters them (CVE-2019-5736).

Each attack is made on a copy of the interpreter, and twice: where it is sealed, and where it is not, to show
that the attack is one.
"""

import errno
import os
import select
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from leftovers import leftovers
from oci_bundle import Bundle, sane
from oci_launcher import BASE, BOOTSTRAP, PROJECT, compile_launcher

from runtime import Bind, ContainerSpec, Engine
from runtime.capabilities import DEFAULT
from runtime.oci import sealed
from tare.state import PREFIX, State

EXECS = 200
ATTACK = "import os; os.execv('/thief', ['/thief', str(os.dup2(os.open('/proc/self/exe', os.O_RDONLY), 9))])"
COMMANDS = {"link": ["/link", "-S", "-I", "-c", ATTACK], "script": ["/script"]}
UNSEALED = (
    "import sys; sys.path.append(sys.argv[1]); import runtime.oci.sealed as it; it.reexec = lambda: None; "
)
HOST = [Path(sys.base_prefix), *(Path(name) for name in ("/usr", "/lib", "/lib64") if Path(name).exists())]

of_engine = pytest.mark.parametrize("interpreter", ["engine", "nobody"], indirect=True)
of_command_line = pytest.mark.parametrize("interpreter", ["launcher", "itself", "nobody"], indirect=True)


@dataclass(frozen=True)
class Copy:
    """A copy of the interpreter, as a virtual environment may have one, and who seals it."""

    path: Path
    sealed_by: str

    @property
    def is_sealed(self) -> bool:
        return self.sealed_by != "nobody"

    def assert_fate(self, errors: str) -> None:
        """What the thief says happened, and what did happen."""
        mode_error, write_error = (int(number) for number in errors.split())
        is_whole = self.path.read_bytes() == BASE.read_bytes()
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if self.is_sealed:
            assert (mode_error, mode, is_whole) == (errno.EROFS, 0o755, True)
            assert write_error in {errno.EROFS, errno.ETXTBSY}
        else:
            assert (mode_error, mode) == (0, 0o700)
            assert is_whole == (write_error != 0)


@pytest.fixture
def interpreter(request, tmp_path) -> Copy:
    path = tmp_path / "python" / "bin" / "python3"
    path.parent.mkdir(parents=True)
    (path.parent.parent / "pyvenv.cfg").write_text(f"home = {BASE.parent}\n")
    shutil.copyfile(BASE, path)
    path.chmod(0o755)
    return Copy(path, request.param)


@pytest.fixture
def engine(interpreter, tmp_path, monkeypatch) -> Iterator[Engine]:
    """An engine that runs on the copy."""
    monkeypatch.setattr(sys, "executable", str(interpreter.path))
    if not interpreter.is_sealed:
        monkeypatch.setattr(sealed, "seal", lambda path: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    state = State.at(tmp_path)
    with Engine(state) as engine:
        yield engine
    assert leftovers(state) == []


@pytest.fixture(scope="session")
def thief(tmp_path_factory) -> Path:
    program = tmp_path_factory.mktemp("thief") / "thief"
    source = Path(__file__).parent / "interpreter_thief.c"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-static", source, "-o", program], check=True)
    return program


@pytest.fixture
def hostile(image, thief, tmp_path) -> Path:
    """An image whose commands lead to the program that executes them."""
    rootfs = tmp_path / "hostile"
    shutil.copytree(image, rootfs, symlinks=True)
    shutil.copy(thief, rootfs / "thief")
    (rootfs / "link").symlink_to("/proc/self/exe")
    (rootfs / "script").write_text(f"#!/proc/self/exe\n{ATTACK}\n")
    (rootfs / "script").chmod(0o755)
    return rootfs


@pytest.fixture
def run(engine, hostile) -> Callable[..., str]:
    """What a container of the engine prints."""

    def output(*argv: str) -> str:
        binds = tuple(Bind(path, str(path), read_only=True) for path in HOST)
        with os.fdopen(os.memfd_create("output"), "r+b") as output:
            spec = ContainerSpec(hostile, argv, binds=binds)
            container = engine.start(
                spec, stdin=output.fileno(), stdout=output.fileno(), stderr=output.fileno()
            )
            try:
                container.wait(20)
            finally:
                container.remove()
            output.seek(0)
            return output.read().decode()

    return output


@of_engine
@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_command_that_is_the_engines_interpreter_cannot_write_to_it(run, interpreter, argv) -> None:
    interpreter.assert_fate(run(*argv).splitlines()[-1])


@of_engine
def test_watcher_cannot_write_to_the_interpreter_of_the_engines_exec(engine, hostile, interpreter) -> None:
    spec = ContainerSpec(hostile, ("/thief",), capabilities=DEFAULT | {"CAP_SYS_PTRACE"})
    with thief_output() as (output, stdio):
        container = engine.start(spec, **stdio)
        try:
            interpreter.assert_fate(caught(output, lambda: container.exec(["/bin/true"])))
        finally:
            container.remove()


@contextmanager
def thief_output() -> Iterator[tuple[IO[bytes], dict[str, int]]]:
    """Where a thief's lines can be read, and the standard streams to give it."""
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        with os.fdopen(reading, "rb", 0) as output:
            yield output, {"stdin": null, "stdout": writing, "stderr": writing}
    finally:
        os.close(writing)
        os.close(null)


def caught(output: IO[bytes], execute: Callable[[], object]) -> str:
    """What the thief says once it has caught one of many executions."""
    assert output.readline() == b"ready\n"
    for _ in range(EXECS):
        execute()
        if select.select([output], [], [], 0)[0]:
            break
    assert select.select([output], [], [], 5)[0], "the thief never caught the interpreter"
    return output.readline().decode()


@pytest.fixture
def oci(interpreter, tmp_path) -> Iterator[Callable[..., subprocess.CompletedProcess[bytes]]]:
    """The command line, run by the copy."""
    program = [str(tmp_path / "tarebox-oci")]
    if interpreter.sealed_by == "launcher":
        compile_launcher(tmp_path / "tarebox-oci", interpreter.path, BOOTSTRAP, str(PROJECT))
    else:
        bootstrap = BOOTSTRAP if interpreter.is_sealed else UNSEALED + BOOTSTRAP
        program = [str(interpreter.path), "-S", "-I", "-c", bootstrap, str(PROJECT)]
    state = State.at(tmp_path)
    program += ["--root", str(state.directory("oci", volatile=True))]

    def run(*arguments: str, **popen: int) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*program, *arguments], check=True, timeout=20, **popen)

    yield run
    run("delete", "--force", "box")
    assert leftovers(state) == []


@pytest.fixture
def bundle(hostile, tmp_path) -> Bundle:
    bundle = sane(tmp_path / "bundle", hostile)
    bundle.linux["cgroupsPath"] = f"/{PREFIX}{State.at(tmp_path).tag}-box"
    for path in HOST:
        bundle.mount(str(path), "none", str(path), "rbind", "ro")
    for capabilities in bundle.process["capabilities"].values():
        capabilities += ["CAP_FOWNER", "CAP_SYS_PTRACE"]
    return bundle


@of_command_line
@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_command_that_is_the_command_lines_interpreter_cannot_write_to_it(
    oci, bundle, interpreter, argv
) -> None:
    bundle.process["args"] = argv
    output = oci("run", "--bundle", str(bundle.write()), "box", stdout=subprocess.PIPE).stdout
    interpreter.assert_fate(output.decode().splitlines()[-1])


@of_command_line
def test_watcher_cannot_write_to_the_interpreter_of_the_command_lines_exec(oci, bundle, interpreter) -> None:
    bundle.process["args"] = ["/thief"]
    with thief_output() as (output, stdio):
        oci("run", "--detach", "--bundle", str(bundle.write()), "box", **stdio)
        interpreter.assert_fate(caught(output, lambda: oci("exec", "box", "/bin/true")))
