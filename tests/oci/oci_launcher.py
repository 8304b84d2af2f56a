"""Launchers compiled for an interpreter of the test's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from runtime.oci import sealed

PROJECT = Path(__file__).parents[2]
BASE = Path(os.path.realpath(sys._base_executable))
BOOTSTRAP = "import sys; sys.path.append(sys.argv.pop(1)); from runtime.oci.cli import main; main()"


def compile_launcher(program: Path, python: Path, bootstrap: str, packages: str) -> None:
    """Build the program as the installation does."""
    values = {
        "PYTHON": python,
        "BOOTSTRAP": bootstrap,
        "PACKAGES": packages,
        "LIBRARIES": sealed.environment().get("LD_LIBRARY_PATH", ""),
    }
    definitions = [f"-D{name}={json.dumps(str(value))}" for name, value in values.items()]
    sources = sorted(Path(PROJECT, "runtime/oci").glob("*.c"))
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", *definitions, *sources, "-o", program], check=True)
