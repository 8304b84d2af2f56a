"""The programs that the goals measure and measure with."""

import subprocess
import sys
from pathlib import Path

TAREBOX_OCI = str(Path(sys.executable).with_name("tarebox-oci"))


def compile_program(name: str, directory: Path) -> str:
    """Build the C file of that name beside this one; returns the program's path."""
    program = str(directory / name)
    source = str(Path(__file__).with_name(f"{name}.c"))
    subprocess.run(["cc", "-O2", "-static", source, "-o", program], check=True)
    return program
