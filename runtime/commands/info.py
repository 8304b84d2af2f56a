"""`tarebox info`: what there is, and what this host is."""

import argparse
from collections import Counter
from typing import Any

from tare.state import PREFIX, State

SUMMARY = "say what there is and what this host is"
_LINES = (
    ("Containers", "Containers"),
    (" Running", "ContainersRunning"),
    (" Paused", "ContainersPaused"),
    (" Stopped", "ContainersStopped"),
    ("Images", "Images"),
    ("Version", "ServerVersion"),
    ("Storage Driver", "Driver"),
    ("Logging Driver", "LoggingDriver"),
    ("Cgroup Driver", "CgroupDriver"),
    ("Cgroup Version", "CgroupVersion"),
    ("Cgroup Controllers", "CgroupControllers"),
    ("Network Programs", "NetworkPrograms"),
    ("Security Options", "SecurityOptions"),
    ("Kernel Version", "KernelVersion"),
    ("Operating System", "OperatingSystem"),
    ("OSType", "OSType"),
    ("Architecture", "Architecture"),
    ("CPUs", "NCPU"),
    ("Total Memory", "MemTotal"),
    ("Name", "Name"),
    ("Root Dir", "DockerRootDir"),
    ("Run Dir", "RunDir"),
    ("Default Registry", "IndexServerAddress"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-f", "--format", metavar="FORMAT", default="", help="json or a template")


def run(options: argparse.Namespace, state: State) -> int:
    """Say it."""
    from runtime.commandline.formats import plain
    from runtime.commandline.template import Template
    from runtime.commandline.template_functions import to_json
    from runtime.commandline.units import binary_size

    known = _known(state)
    if options.format == "json":
        print(to_json(known))
    elif options.format:
        print(Template(plain(options.format)).render(known))
    else:
        shown = {**known, "MemTotal": binary_size(known["MemTotal"])}
        for title, key in _LINES:
            value = shown[key]
            print(f"{title}: {' '.join(value) if isinstance(value, list) else value}")
    return 0


def _known(state: State) -> dict[str, Any]:
    """By the names of Docker's API."""
    import os
    from importlib import metadata

    from runtime import doctor_rootless
    from runtime.cgroups import detect
    from runtime.image.registry_config import Registries
    from runtime.image.store import ImageStore
    from runtime.lifecycle.viewing import Viewing
    from runtime.storage import registry

    containers = Viewing(state)
    statuses = Counter(record.status() for record in containers.list(every=True))
    groups = detect.driver(PREFIX + state.tag)
    host = os.uname()
    return {
        "Containers": statuses.total(),
        "ContainersRunning": statuses["running"],
        "ContainersPaused": statuses["paused"],
        "ContainersStopped": statuses.total() - statuses["running"] - statuses["paused"],
        "Images": len(ImageStore(state).list()),
        "ServerVersion": metadata.version("tarebench"),
        "Driver": registry.driver(state).name,
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs" if groups.controllers else "none",
        "CgroupVersion": "2" if groups.unified else "1",
        "CgroupControllers": detect.controllers(groups),
        "NetworkPrograms": list(doctor_rootless.network_programs()),
        "SecurityOptions": ["name=seccomp,profile=builtin", *(["name=rootless"] if _is_rootless() else [])],
        "KernelVersion": host.release,
        "OperatingSystem": _system(),
        "OSType": "linux",
        "Architecture": host.machine,
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "Name": host.nodename,
        "DockerRootDir": str(state.data),
        "RunDir": str(state.run),
        "IndexServerAddress": Registries.load().default,
    }


def _is_rootless() -> bool:
    """Whether this user namespace is not the first one; see user_namespaces(7)."""
    from pathlib import Path

    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def _system() -> str:
    """See os-release(5)."""
    import platform

    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "Linux"
