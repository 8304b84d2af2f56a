# ruff: noqa: PTH110, PTH123 - plain strings and descriptors, as in system calls
"""What this host can and cannot do for containers, one line a check."""

import os

from runtime import syscalls
from runtime.busybox import find_busybox
from runtime.cgroups import detect
from runtime.cgroups.protocol import CONTROLLERS
from runtime.checking import Check, MissingError, check
from tare.state import PREFIX, State


def doctor(state: State) -> list[Check]:
    """Check everything root's containers need; nothing is left changed."""
    from runtime import doctor_network, doctor_rootless, doctor_storage

    return [
        check("privilege", _privilege),
        *kernel(state),
        *doctor_network.checks(),
        *doctor_storage.checks(state),
        *doctor_rootless.checks(),
        check("busybox", lambda: f"static busybox at {find_busybox()}"),
    ]


def of_user(state: State) -> list[Check]:
    """Check everything the containers of an ordinary user need; nothing is left changed."""
    from runtime import doctor_rootless

    return [
        *doctor_rootless.checks(),
        *doctor_rootless.inside(state),
        check("busybox", lambda: f"static busybox at {find_busybox()}"),
    ]


def kernel(state: State) -> list[Check]:
    """Check what the kernel offers this process."""
    return [
        check("control groups", lambda: _version(state)),
        *(_controller(state, name) for name in (*CONTROLLERS, "devices", "cpuacct")),
        *(_filesystem(name) for name in ("overlay", "tmpfs", "proc", "sysfs", "devpts", "mqueue")),
        *(_namespace(name) for name in ("pid", "net", "ipc", "mnt", "uts", "cgroup", "user", "time")),
        check("seccomp", _seccomp),
        check("veth and bridge", _links),
    ]


def _privilege() -> str:
    if os.geteuid() != 0:
        raise MissingError("not root; run with sudo")
    return "running as root"


def _version(state: State) -> str:
    driver = detect.driver(PREFIX + state.tag)
    if not driver.controllers:
        raise MissingError("no writable control groups; containers run without limits")
    return f"version {2 if driver.unified else 1}, controllers {', '.join(detect.controllers(driver))}"


def _controller(state: State, name: str) -> Check:
    driver = detect.driver(PREFIX + state.tag)
    if driver.unified and name in ("devices", "cpuacct"):
        return Check(f"controller {name}", True, f"{name} is part of version 2")
    if name in driver.controllers:
        return Check(f"controller {name}", True, f"{name} limits can be set")
    return Check(f"controller {name}", False, f"no writable {name} controller; mount or delegate it")


def _filesystem(name: str) -> Check:
    def probe() -> str:
        os.close(syscalls.fsopen(name))
        return f"{name} can be mounted through fsopen"

    found = check(f"filesystem {name}", probe)
    return found if found.ok else Check(found.name, False, f"no {name} through fsopen; {found.line}")


def _namespace(name: str) -> Check:
    present = os.path.exists(f"/proc/self/ns/{name}")
    line = f"{name} namespaces are there" if present else f"this kernel has no {name} namespaces"
    return Check(f"namespace {name}", present, line)


def _seccomp() -> str:
    from runtime import capabilities, seccomp

    with open("/proc/self/status") as file:
        if "Seccomp:" not in file.read():
            raise MissingError("this kernel has no seccomp")
    size = len(seccomp.compile_filter(seccomp.profile(capabilities.DEFAULT))) // 8
    return f"the filter compiles to {size} instructions"


def _links() -> str:
    from pyroute2 import IPRoute, NetlinkError

    name = f"{PREFIX}{os.urandom(4).hex()}"
    with IPRoute() as netlink:
        try:
            netlink.link("add", ifname=f"{name}b", kind="bridge")
            netlink.link("add", ifname=f"{name}v", kind="veth", peer={"ifname": f"{name}p"})
        except NetlinkError as error:
            raise MissingError(f"can't make links: {error}") from None
        finally:
            for suffix in "vb":
                for index in netlink.link_lookup(ifname=f"{name}{suffix}"):
                    netlink.link("del", index=index)
    return "links can be made"
