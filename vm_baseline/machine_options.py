"""Options of the commands that boot a machine."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tare.errors import UsageError
from tare.sizes import parse_size
from tare.state import State
from vm_baseline import image_options, network_options
from vm_baseline.words import positive

if TYPE_CHECKING:
    from tare.image import RootImage
    from vm_baseline.spec import MachineSpec

_ACCELERATORS = ("auto", "kvm", "tcg", "tcg-single", "tcg-multi")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument
    add("--profile", default="vm-micro", metavar="NAME", help="the shape, such as vm-q35 (default: vm-micro)")
    add("--memory", "-m", default="256m", metavar="SIZE", help="memory, such as 256m")
    add("--vcpus", "--cpus", default="1", metavar="N", help="number of virtual processors")
    add("--kernel", type=Path, metavar="FILE", help="a bzImage or vmlinux to boot")
    add(
        "--filesystem",
        default="ext4",
        metavar="NAME",
        help="of the disk: ext4 (the default), erofs, squashfs",
    )
    image_options.add_arguments(parser)
    add("--connect", metavar="URI", help="a libvirt to use instead of a private one")
    add("--timeout", metavar="SECONDS", help="limit until the guest must be ready (default: the profile's)")
    add("--accelerator", choices=_ACCELERATORS, default="auto", help="default: the proven one")
    network_options.add_arguments(parser)


def spec(options: argparse.Namespace, state: State, image: "RootImage") -> "MachineSpec":
    """The machine they ask for, without a payload and a network.

    Raises:
        TareError: a value has no meaning, or the kernel can't be used.
    """
    from vm_baseline.image import machine, mark
    from vm_baseline.kernel import find_kernel
    from vm_baseline.spec import Accelerator, MachineSpec

    return MachineSpec(
        options.profile,
        image.rootfs,
        content=mark(image),
        filesystem=options.filesystem,
        kernel=find_kernel(state, options.kernel) if options.kernel else None,
        architecture=machine(image),
        memory=parse_size(options.memory),
        vcpus=_whole(options.vcpus, "a number of processors"),
        accelerator=None if options.accelerator == "auto" else Accelerator(options.accelerator),
        ready_timeout=None if options.timeout is None else positive(options.timeout, "a number of seconds"),
    )


def _whole(text: str, what: str) -> int:
    number = positive(text, what)
    if number != int(number):
        raise UsageError(f"{text!r} is not {what}", "a machine has whole processors")
    return int(number)
