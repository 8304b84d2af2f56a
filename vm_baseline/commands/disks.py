"""`tarevm disks`: the disk images and saved guests that were made."""

import argparse
import shutil
from pathlib import Path

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "list the disk images and saved guests that were made"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--prune", action="store_true", help="remove them; they are built anew when needed")


def run(options: argparse.Namespace, state: State) -> int:
    """Print bytes that each takes and where it is, or with --prune the bytes that were freed."""
    from vm_baseline.disk import cached_disks
    from vm_baseline.system import cached_systems
    from vm_baseline.template import cached_templates

    total = 0
    for product in (*cached_disks(state), *cached_systems(state), *cached_templates(state)):
        files = [product, *product.glob("*")]
        allocated = sum(file.stat().st_blocks for file in files) * 512
        total += allocated
        if options.prune:
            _remove(product)
        else:
            print(f"{allocated:>12} {product}")
    if options.prune:
        print(f"freed {total} bytes")
    return ExitCode.OK


def _remove(product: Path) -> None:
    if product.is_dir():
        shutil.rmtree(product)
    else:
        product.unlink(missing_ok=True)
