"""From the options of `run` and `create` to a container's settings."""

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commandline import limit_options
from runtime.commandline.messages import warn
from runtime.making import RunOptions, devices, limits, mounts, networks, security, settings
from tare import environment, ports
from tare.errors import ImageError, UsageError

if TYPE_CHECKING:
    from runtime.image.store import ImageStore, StoredImage
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.settings import LogOptions, Mount, Networking, Settings
    from runtime.making.health import Health
    from runtime.storage.protocol import Driver
    from tare.state import State


def create(options: argparse.Namespace, containers: "Containers", made: "Settings") -> str:
    """Make the container of settings that `make` made; its id, which `--cidfile` gets too.

    Raises:
        TareError: it can't be made, or its name is taken.
    """
    path = Path(options.cidfile)
    if options.cidfile and path.exists():
        raise UsageError(f"the file {path} is there already", "remove it, or name another for --cidfile")
    identity = containers.create(made, name=options.name)
    if options.cidfile:
        try:
            path.write_text(identity)
        except OSError as error:
            containers.remove(identity)
            raise UsageError(
                f"can't write {path}: {error.strerror}", "name another file for --cidfile"
            ) from error
    return identity


def make(
    options: argparse.Namespace, state: "State", containers: "Containers", until_made: ExitStack
) -> "Settings":
    """The settings of the container that a command line asks for, its image's layers unpacked.

    Args:
        options: of `creation_options`.
        state: where its image is.
        containers: those it may refer to.
        until_made: keeps the image from being removed; to be closed when the container is on record.

    Raises:
        UsageError: an option has no meaning.
        ImageError: no such image, or it is broken.
    """
    wanted = read(options, containers)
    if options.rootfs or _is_directory(options.image):
        if not Path(options.image).is_dir():
            raise ImageError(
                f"no image directory {options.image}", "name an existing root filesystem directory"
            )
        return settings(Path(options.image).absolute(), wanted)
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    store = ImageStore(state)
    driver = registry.driver(state)
    until_made.enter_context(store.content.adding())
    image = find(store, driver, options)
    chain = image.layers[-1] if image.layers else None
    if chain and not driver.has_layer(chain):
        from runtime.image.layers import unpack_layers

        unpack_layers(store.content, image, driver)
    lowers = driver.image(chain).lowers if chain else ()
    return replace(settings(image, wanted, layers=lowers), driver=driver.name)


def find(store: "ImageStore", driver: "Driver", options: argparse.Namespace) -> "StoredImage":
    """The image that is named, brought from a registry if it is to be and there is one.

    Raises:
        ImageError: there is none.
        RegistryError: the registry fails or has none.
    """
    from runtime.image import finding
    from runtime.image.platform import Platform

    platform = Platform.parse(options.platform) if options.platform else None

    def bring() -> "StoredImage":
        from runtime.commandline.transfers import progress
        from runtime.image.fetching import fetch
        from runtime.image.layers import unpack_layers

        if not options.quiet:
            print(f"pulling {options.image}", file=sys.stderr)
        # What goes to standard output is the container's.
        quiet = options.quiet or not sys.stderr.isatty()
        with progress("", "", quiet=quiet) as tell:
            unpack = partial(unpack_layers, store.content, driver=driver)
            return fetch(store, unpack, options.image, platform=platform, progress=tell).image

    return finding.find(store, options.image, platform=platform, pull=options.pull, fetch=bring)


def read(options: argparse.Namespace, containers: "Containers") -> RunOptions:
    """What the command line asks for.

    Args:
        options: of `creation_options`.
        containers: those whose mounts it may ask for.

    Raises:
        UsageError: an option has no meaning, or two exclude each other.
    """
    from runtime.lifecycle.settings import RestartPolicy
    from tare.signals import signal_number

    own_limits = limit_options.limits(options)
    memory = limits.memory(swappiness=options.memory_swappiness, oom_kill_disable=options.oom_kill_disable)
    throttles = {
        name: getattr(options, name)
        for name in ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")
    }
    resources = limit_options.resources(options, memory, **throttles)
    if options.device_cgroup_rule:
        resources["devices"] = list(map(devices.rule, options.device_cgroup_rule))
    limit_options.check_swap(own_limits.memory, resources.get("memory", {}))
    if options.userns not in ("", "host"):
        raise UsageError(f"--userns {options.userns} isn't supported", "leave it out")
    return RunOptions(
        image=options.image,
        argv=tuple(options.argv),
        entrypoint=options.entrypoint,
        env=environment.variables(options.env_file, options.env),
        user=options.user,
        workdir=options.workdir,
        hostname=options.hostname,
        tty=options.tty,
        open_stdin=options.interactive,
        auto_remove=options.rm,
        init=options.init,
        privileged=options.privileged,
        cap_add=tuple(options.cap_add),
        cap_drop=tuple(options.cap_drop),
        security=security.options([*options.security_opt, *["seccomp=unconfined"] * options.no_seccomp]),
        limits=own_limits,
        resources=resources,
        rlimits=tuple(map(limits.ulimit, options.ulimit)),
        restart=RestartPolicy.parse(options.restart),
        health=_health(options),
        labels=environment.labels(options.label_file, options.label),
        mounts=_mounts(options),
        others=_others(options, containers),
        networking=_networking(options),
        exposed=networks.exposed(options.expose),
        devices=tuple(device for text in options.device for device in devices.devices(text)),
        in_memory=options.in_memory,
        read_only=options.read_only,
        shm_size=_size(options.shm_size),
        sysctls=dict(map(_setting, options.sysctl)),
        groups=tuple(options.group_add),
        oom_score_adj=options.oom_score_adj,
        stop_signal=signal_number(options.stop_signal) if options.stop_signal else None,
        stop_timeout=options.stop_timeout,
        log=_log(options),
        pid=_shared("--pid", options.pid),
        ipc=_shared("--ipc", "" if options.ipc in ("private", "shareable") else options.ipc),
        uts=_shared("--uts", options.uts),
        cgroupns=options.cgroupns,
    )


def _is_directory(image: str) -> bool:
    return "/" in image and Path(image).is_dir()


def _health(options: argparse.Namespace) -> "Health":
    from runtime.making.health import Health

    return Health(
        options.health_cmd,
        interval=_duration(options.health_interval),
        timeout=_duration(options.health_timeout),
        start_period=_duration(options.health_start_period),
        retries=options.health_retries,
        none=options.no_healthcheck,
    )


def _duration(text: str | None) -> float | None:
    if text is None:
        return None
    from runtime.commandline.units import parse_duration

    return parse_duration(text)


def _mounts(options: argparse.Namespace) -> "tuple[Mount, ...]":
    return (
        *map(mounts.volume, options.volume),
        *map(mounts.mount, options.mount),
        *map(mounts.tmpfs, options.tmpfs),
    )


def _others(options: argparse.Namespace, containers: "Containers") -> "tuple[Mount, ...]":
    """Mounts of other containers, their volumes by the names they have got."""
    found = []
    for text in options.volumes_from:
        name, _, mode = text.partition(":")
        if mode not in ("", "ro", "rw", "z"):
            raise UsageError(f"--volumes-from {text!r} has no meaning", "write NAME or NAME:ro")
        theirs = containers.find(name).settings.mounts
        found += [replace(each, read_only=each.read_only or mode == "ro") for each in theirs]
    return tuple(found)


def _networking(options: argparse.Namespace) -> "Networking":
    from runtime.lifecycle.settings import Networking
    from tare.resolver import Alias, Resolver

    mode, connections = networks.connections(
        options.network,
        aliases=options.network_alias,
        address=options.ip,
        address6=options.ip6,
        mac=options.mac_address,
    )
    publish = ports.published(options.publish)
    if mode == "host" and (publish or options.publish_all):
        warn("published ports mean nothing on the host's network")
        publish = ()
    elif not connections and (publish or options.publish_all):
        raise UsageError(f"--network {mode} has no ports to publish", "leave -p and -P out")
    resolver = Resolver(tuple(options.dns), tuple(options.dns_search), tuple(options.dns_option))
    for server in options.dns:
        networks.check_address(server, "--dns")
    return Networking(
        mode=mode,
        connections=connections,
        publish=publish,
        dns=resolver,
        hosts=tuple(map(Alias.parse, options.add_host)),
        publish_all=options.publish_all and mode != "host",
    )


def _log(options: argparse.Namespace) -> "LogOptions":
    from runtime.lifecycle.settings import LogOptions

    given = dict(map(_setting, options.log_opt))
    if unknown := set(given) - {"max-size", "max-file"}:
        raise UsageError(f"unknown log option {sorted(unknown)[0]!r}", "use max-size or max-file")
    number = given.get("max-file", "1")
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise UsageError(f"--log-opt max-file={number} is no number", "write one such as 3")
    return LogOptions(_size(given.get("max-size", "")), int(number), options.log_driver)


def _shared(option: str, text: str) -> str:
    kind, colon, target = text.partition(":")
    if text not in ("", "host") and not (kind == "container" and colon and target and option != "--uts"):
        raise UsageError(f"{option} {text!r} has no meaning", "say host")
    return text


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"{text!r} has no value", "write NAME=VALUE")
    return name, value


def _size(text: str) -> int | None:
    from tare.sizes import parse_size

    return parse_size(text) if text else None
