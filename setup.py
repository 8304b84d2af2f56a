"""Builds four programs while the package is installed; everything else is in pyproject.toml.

`tarebox-oci` is launcher.c and shortcuts.c of runtime/oci, compiled for the interpreter it is installed with,
and `tarebox` is tarebox.c of runtime/commandline. Where there is no C compiler, shell scripts do the same but
start slower. Files with the code of all modules that they need go beside the packages; see modules.py in
runtime/oci, standard.py and generated.py in runtime/commandline. `tarebox-monitor` is the C files of
runtime/monitor. Where there is no C compiler there is none, and a Python program takes its place.
`tare-guest` is the C files of vm_baseline/guest; where it can't be compiled now, that is tried at first use.
"""

import logging
import marshal
import os
import platform
import re
import runpy
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.bdist_wheel import bdist_wheel

_PROJECT = Path(__file__).parent.absolute()
_SOURCES = ("runtime/oci/launcher.c", "runtime/oci/shortcuts.c")
_PROGRAM = "tarebox-oci"
_MONITOR_SOURCES = tuple(f"runtime/monitor/{name}.c" for name in ("monitor", "log", "attach", "init"))
_MONITOR = "tarebox-monitor"
_ENGINE = "tarebox"
_COMPILING = runpy.run_path(str(_PROJECT / "vm_baseline/compiling.py"))
_GUEST = _COMPILING["PROGRAM"]
_ENGINE_SOURCES = ("runtime/commandline/tarebox.c",)
_MODULES = f"runtime/oci/__pycache__/modules.{sys.implementation.cache_tag}.bin"
_GENERATED = f"runtime/commandline/__pycache__/generated.{sys.implementation.cache_tag}.bin"
_STANDARD = f"runtime/commandline/__pycache__/standard.{sys.implementation.cache_tag}.bin"
_IN_MODULES = ("tare", "runtime")
_FIRST = (
    "runtime.cli",
    "tare.parser",
    "runtime.commands.run",
    "runtime.commandline.creation",
    "runtime.launching",
)
_FIND = """\
import sys
sys.path.append(sys.argv[1])
before = set(sys.modules)
from importlib import import_module
for name in sys.argv[2:]: import_module(name)
for name in sorted(set(sys.modules) - before):
    origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None) or ""
    if origin.endswith(".py"): print(name, origin)
"""
_RECORD = """\
import sys
sys.path.append(sys.argv[1])
from runtime.commandline import generated
sys.stdout.buffer.write(generated.record(sys.argv[2:]))
"""
# Collecting garbage while modules are imported takes a millisecond and finds none.
# What the program adds to the environment is for the interpreter, not for the hooks it runs.
_IMPORTING = f"""\
try:
    with open(packages + "/{_MODULES}", "rb", 0) as file: data = taken(file)
except OSError: pass
else:
    index = marshal.loads(data)
    space = {{}}
    exec(marshal.loads(data[slice(*index["runtime.oci.modules"][2:])]), space)
    sys.meta_path.insert(0, space["Modules"](packages, index, data))
"""
_BOOTSTRAP = f"""\
import gc, marshal, os, sys
gc.disable()
for name in ("LC_ALL", "LD_BIND_NOW", "LD_LIBRARY_PATH"): os.environ.pop(name, None)
own = os.environ.pop("TAREBOX_OCI_DIRECTORY", "")
packages = sys.argv.pop(1)
sys.path.append(packages)
def taken(file): return file.read()
{_IMPORTING}\
from runtime.oci.cli import main
main()
"""
_ENGINE_BOOTSTRAP = f"""\
import gc, marshal, mmap, sys
gc.set_threshold(200_000)
packages, own = sys.argv[1:3]
sys.argv[:3] = [own + "/{_ENGINE}"]
sys.path.append(packages)
def taken(file): return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
{_IMPORTING}\
from runtime.commandline import standard
standard.install(packages + "/{_STANDARD}")
from runtime.commandline import postponed
postponed.install()
from runtime.commandline import generated
generated.install(packages + "/{_GENERATED}")
from runtime.cli import program
program()
"""
_SCRIPT = """\
#!/bin/sh
own=$(dirname "$(readlink -f "$0")")
packages={packages}
case $packages in /*) ;; *) packages=$own/$packages ;; esac
if [ -x {python} ] && [ -x "$packages" ]; then
    export TAREBOX_OCI_DIRECTORY="$own"
    exec {python} -S -I -X utf8=1 -c {bootstrap} "$packages" "$@"
fi
exec "$own/python3" -I -c 'from runtime.oci.cli import main; main()' "$@"
"""
_ENGINE_SCRIPT = """\
#!/bin/sh
own=$(dirname "$(readlink -f "$0")")
packages={packages}
case $packages in /*) ;; *) packages=$own/$packages ;; esac
python=$own/python3
[ -x "$python" ] || python={python}
exec "$python" -S -I -X utf8=1 -c {bootstrap} "$packages" "$own" "$@"
"""


class BuildLauncher(Command):
    """Puts the programs where scripts are installed from; see setuptools.command.build.SubCommand.

    Attributes:
        editable_mode: set by setuptools when the packages stay where they are.
    """

    user_options = ()
    editable_mode = False
    build_dir = ""

    def initialize_options(self) -> None:
        """No options of its own."""
        self.build_dir = None

    def finalize_options(self) -> None:
        """Take the directory that `build` has for scripts."""
        self.set_undefined_options("build", ("build_scripts", "build_dir"))

    def get_source_files(self) -> list[str]:
        """What a source distribution needs."""
        headers = ["runtime/oci/shortcuts.h", "runtime/monitor/monitor.h"]
        guest = [str(path.relative_to(_PROJECT)) for path in _PROJECT.glob("vm_baseline/guest/*.[ch]")]
        return [*_SOURCES, *_ENGINE_SOURCES, *_MONITOR_SOURCES, *headers, *guest]

    def get_outputs(self) -> list[str]:
        """The programs that there are."""
        programs = [Path(self.build_dir, name) for name in (_PROGRAM, _ENGINE, _MONITOR, _GUEST)]
        return [str(program) for program in programs if program.exists()]

    def run(self) -> None:
        """Compile them, or write the shell scripts in their place; and the files of modules."""
        Path(self.build_dir).mkdir(parents=True, exist_ok=True)
        if not _compile(Path(self.build_dir, _MONITOR), _MONITOR_SOURCES, {}):
            logging.warning("no C compiler that works here: monitors of containers will take more memory")
        if fault := _COMPILING["compile_program"](Path(self.build_dir, _GUEST), platform.machine()):
            logging.warning("the program for guests is made at first use: %s", fault)
        self._program(_PROGRAM, _SOURCES, _BOOTSTRAP, _SCRIPT)
        self._program(_ENGINE, _ENGINE_SOURCES, _ENGINE_BOOTSTRAP, _ENGINE_SCRIPT)
        packages = (
            _PROJECT if self.editable_mode else _PROJECT / self.get_finalized_command("build").build_lib
        )
        modules = _write_modules(packages / _MODULES, may_change=self.editable_mode)
        _write_standard(packages / _STANDARD)
        command = [sys.executable, "-S", "-I", "-c", _RECORD, str(_PROJECT), *modules]
        _replace(packages / _GENERATED, subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

    def _program(self, name: str, sources: tuple[str, ...], bootstrap: str, script: str) -> None:
        program = Path(self.build_dir, name)
        if self.editable_mode:
            # What we depend on isn't where our own packages are.
            installed = f"/{_installed_packages()}"
            bootstrap = bootstrap.replace("from", f"sys.path.append(own + {installed!r})\nfrom", 1)
        values = {
            "python": os.path.realpath(sys._base_executable),
            "packages": str(_PROJECT) if self.editable_mode else _installed_packages(),
            "bootstrap": bootstrap,
            "libraries": _library_directory(),
        }
        if not _compile(program, sources, values):
            logging.warning("no C compiler that works here: installing %s as a shell script", name)
            program.write_text(script.format(**{name: shlex.quote(text) for name, text in values.items()}))
        program.chmod(0o755)


class PlatformWheel(bdist_wheel):
    """A wheel with a program of this machine in it, which setuptools can't tell from a script."""

    def finalize_options(self) -> None:
        """Take it for no wheel of any machine."""
        super().finalize_options()
        self.root_is_pure = False


def _compile(program: Path, sources: tuple[str, ...], values: dict[str, str]) -> bool:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    definitions = [f"-D{name.upper()}={_c_literal(text)}" for name, text in values.items()]
    # A static program starts sooner; not every host has the C library to link it with.
    for linking in (["-static"], []):
        command = [*compiler, "-Os", "-s", *linking, *definitions, *sources, "-o", str(program)]
        try:
            if subprocess.run(command, cwd=_PROJECT, check=False).returncode == 0:
                return True
        except OSError:
            return False
    return False


def _c_literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _installed_packages() -> str:
    return os.path.relpath(sysconfig.get_path("platlib"), sysconfig.get_path("scripts"))


def _library_directory() -> str:
    """Where libpython is when it is not part of the interpreter; a sealed one can't find it by $ORIGIN."""
    found = re.search(r"(/.*)/libpython3[^/]*$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    return found[1] if found else ""


def _write_modules(file: Path, *, may_change: bool) -> list[str]:
    """Compile all that the commands may import, and name it; without the file they start slower."""
    found = {}
    for source in sorted(path for place in _IN_MODULES for path in _PROJECT.joinpath(place).rglob("*.py")):
        path = source.relative_to(_PROJECT)
        name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        found[name] = (str(path), str(source if may_change else path), source)
    _pack(file, found, may_change=may_change)
    return list(found)


def _write_standard(file: Path) -> None:
    """Compile what the first commands import of the standard library."""
    command = [sys.executable, "-S", "-I", "-c", _FIND, str(_PROJECT), *_FIRST]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    places = (line.partition(" ")[::2] for line in output.splitlines())
    standard = sysconfig.get_path("stdlib")
    found = {name: (path[1:], path, Path(path)) for name, path in places if path.startswith(f"{standard}/")}
    _pack(file, found, may_change=True)


def _pack(file: Path, modules: dict[str, tuple[str, str, Path]], *, may_change: bool) -> None:
    """Write a file for runtime.oci.modules.

    Args:
        file: to be written.
        modules: path as in the file, path as in tracebacks and source, by name.
        may_change: whether sources may, and are looked at at each start.
    """
    index: dict[str, tuple[str, int, int, int]] = {}
    codes = b""
    for name, (path, shown, source) in modules.items():
        code = compile(source.read_bytes(), shown, "exec", dont_inherit=True)
        start, codes = len(codes), codes + marshal.dumps(code)
        index[name] = (path, source.stat().st_mtime_ns if may_change else 0, start, len(codes))
    # What follows the index doesn't disturb its reader, and positions count from the end of the file.
    size = len(codes)
    counted = {
        name: (path, when, start - size, end - size or None)
        for name, (path, when, start, end) in index.items()
    }
    _replace(file, marshal.dumps(counted) + codes)


def _replace(file: Path, content: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(file)


setup(scripts=list(_SOURCES), cmdclass={"build_scripts": BuildLauncher, "bdist_wheel": PlatformWheel})
