"""A running guest written to files, from which it goes on, here or where the files are brought.

Memory and devices are one stream as QEMU migrates it, in which a page of zeros takes a few bytes; the disk is
an image without a base. What goes on keeps its processes; clock, randomness and ready line are made anew.
"""

from dataclasses import replace
from pathlib import Path

from tare.errors import UsageError
from vm_baseline.connection import Connection
from vm_baseline.disk import flattened
from vm_baseline.domain import Domain
from vm_baseline.prepared import Prepared
from vm_baseline.template import Template


def save(connection: Connection, domain: Domain, directory: Path) -> None:
    """Stop a guest for good, and write all that it needs to go on into an empty directory.

    Args:
        connection: to the libvirt that runs it.
        domain: its description.
        directory: for the files.

    Raises:
        UsageError: it has something that can't be saved.
        HypervisorError: QEMU can't, or the disk is full.
    """
    hindrances = {
        "a whole system": domain.system is not None,
        "a saved guest's memory below it": domain.memory_file is not None,
        "directories of the host": bool(domain.volumes),
        "a network": domain.bridge is not None or domain.user_network,
    }
    if found := [name for name, has in hindrances.items() if has]:
        raise UsageError(f"{domain.name} can't be saved, as it has {found[0]}", "start one without")
    saved = Template(directory, in_devices=True)
    connection.call("save", name=domain.name, devices=str(saved.devices))
    if domain.disk is not None:
        flattened(domain.disk, saved.disk)


def going_on(shared: Prepared, directory: Path) -> Prepared:
    """What `Hypervisor.start` takes for a machine, without a payload, that goes on from what `save` wrote.

    Args:
        shared: as prepared for a machine like the one that was saved.
        directory: with the files, which are needed as long as the machine runs.
    """
    return replace(shared, template=Template(directory, in_devices=True))
