"""Kernels, and what QEMU can do here: made and found out once in a run of tests, for many state roots."""

from pathlib import Path

KINDS = ("kernels", "accelerator", "libvirt-cache")


def share(made: Path, data: Path) -> None:
    """Let a state's data directory have those of another place, and that the ones made in it."""
    data.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (made / kind).mkdir(parents=True, exist_ok=True)
        (data / kind).symlink_to(made / kind)
