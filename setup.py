"""Builds the program `tarebox-oci` while the package is installed; everything else is in pyproject.toml.

The program is launcher.c and shortcuts.c of runtime/oci, compiled for the interpreter it is installed with.
Where there is no C compiler, a shell script does the same but starts slower.
"""

import logging
import os
import re
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
# Collecting garbage while modules are imported takes a millisecond and finds none.
# What the program adds to the environment is for the interpreter, not for the hooks it runs.
_BOOTSTRAP = """\
import gc, os, sys
gc.disable()
for name in ("LC_ALL", "LD_BIND_NOW", "LD_LIBRARY_PATH"): os.environ.pop(name, None)
sys.path.append(sys.argv.pop(1))
from runtime.oci.cli import main
main()
"""
_SCRIPT = """\
#!/bin/sh
own=$(dirname "$(readlink -f "$0")")
packages={packages}
case $packages in /*) ;; *) packages=$own/$packages ;; esac
if [ -x {python} ] && [ -x "$packages" ]; then
    exec {python} -S -I -X utf8=1 -c {bootstrap} "$packages" "$@"
fi
exec "$own/python3" -I -c 'from runtime.oci.cli import main; main()' "$@"
"""


class BuildLauncher(Command):
    """Puts the program where scripts are installed from; see setuptools.command.build.SubCommand.

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
        return [*_SOURCES, "runtime/oci/shortcuts.h"]

    def get_outputs(self) -> list[str]:
        """The program."""
        return [str(Path(self.build_dir, _PROGRAM))]

    def run(self) -> None:
        """Compile it, or write the shell script in its place."""
        program = Path(self.build_dir, _PROGRAM)
        program.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "python": os.path.realpath(sys._base_executable),
            "packages": str(_PROJECT) if self.editable_mode else _installed_packages(),
            "bootstrap": _BOOTSTRAP,
        }
        if self.editable_mode:
            # What we depend on isn't where our own packages are.
            installed = sysconfig.get_path("platlib")
            values["bootstrap"] = _BOOTSTRAP.replace("from", f"sys.path.append({installed!r})\nfrom", 1)
        if not _compile(program, values | {"libraries": _library_directory()}):
            logging.warning("no C compiler that works here: installing %s as a shell script", _PROGRAM)
            program.write_text(_SCRIPT.format(**{name: shlex.quote(text) for name, text in values.items()}))
        program.chmod(0o755)


class PlatformWheel(bdist_wheel):
    """A wheel with a program of this machine in it, which setuptools can't tell from a script."""

    def finalize_options(self) -> None:
        """Take it for no wheel of any machine."""
        super().finalize_options()
        self.root_is_pure = False


def _compile(program: Path, values: dict[str, str]) -> bool:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    definitions = [f"-D{name.upper()}={_c_literal(text)}" for name, text in values.items()]
    # A static program starts sooner; not every host has the C library to link it with.
    for linking in (["-static"], []):
        command = [*compiler, "-Os", "-s", *linking, *definitions, *_SOURCES, "-o", str(program)]
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


setup(scripts=list(_SOURCES), cmdclass={"build_scripts": BuildLauncher, "bdist_wheel": PlatformWheel})
