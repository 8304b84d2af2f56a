"""`tarevm build`: an image's files as a disk image."""

import argparse
from pathlib import Path

from tare.errors import ExitCode
from tare.state import State
from vm_baseline import image_options

SUMMARY = "make a disk image of an image's files, and print where it is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    image_options.add_arguments(parser)
    add("--format", default="raw", metavar="NAME", help="raw (the default), qcow2, vmdk, vdi or vhdx")
    add("--filesystem", default="ext4", metavar="NAME", help="ext4 (the default), erofs or squashfs")
    add("--size", metavar="SIZE", help="what the guest sees, such as 4g; as much as is needed if not given")
    add("--output", "-o", type=Path, metavar="FILE", help="write it there instead of keeping it in the cache")
    add("image", metavar="IMAGE", help="a name, or a directory with a slash in it")


def run(options: argparse.Namespace, state: State) -> int:
    """Make it, unless one of the same content is there already."""
    from tare.sizes import parse_size
    from vm_baseline.disk import DiskSpec, build_disk, fingerprint, shared_disk
    from vm_baseline.image import mark, opened

    spec = DiskSpec(options.format, options.filesystem, parse_size(options.size) if options.size else None)
    with opened(state, options.image, options.platform, options.pull) as image:
        if options.output is not None:
            print(build_disk(image.rootfs, options.output, spec).path)
        else:
            print(shared_disk(state, image.rootfs, mark(image) or fingerprint(image.rootfs), spec))
    return ExitCode.OK
