"""A container's settings from its image's configuration and what is asked for, as Docker merges them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtime import users
from runtime.lifecycle.settings import Settings
from runtime.making import health, mounts, security
from runtime.making.options import RunOptions
from runtime.network import mode
from runtime.spec import DEFAULT_NAMESPACES, DEFAULT_PATH, ContainerSpec, Namespace
from tare import environment
from tare.errors import ImageError, UsageError
from tare.signals import signal_number

if TYPE_CHECKING:
    from runtime.image.config import ImageConfig
    from runtime.image.store import StoredImage

_NOWHERE = Path("/nonexistent")
_PROFILE_LIMIT = 1 << 20


def settings(image: "StoredImage | Path", options: RunOptions, *, layers: Sequence[Path] = ()) -> Settings:
    """The settings of a container of an image.

    Args:
        image: a stored one, whose layers are unpacked, or a root filesystem directory.
        options: what is asked for.
        layers: directories of the stored image, top first, in which users and groups are looked up.

    Raises:
        UsageError: what is asked for has no meaning with this image, as a user it doesn't have.
        ImageError: what the image asks for has none.
    """
    config = None if isinstance(image, Path) else image.config
    roots = [image] if isinstance(image, Path) else list(layers)
    user = options.user or (config.user if config else "")
    account = users.account(roots, user, options.groups)
    entrypoint, cmd = command(config, options)
    if not (*entrypoint, *cmd):
        raise UsageError("no command given", "name a command of the image")
    env = environment.merged((f"PATH={DEFAULT_PATH}", *(config.env if config else ())), options.env)
    if "HOME" not in env and not any(text == "HOME" for text in options.env):
        env = {**env, "HOME": account.home}
    all_mounts = mounts.joined(options.mounts, options.others, config.volumes if config else ())
    networking = options.networking
    ports = (f"{port.port}/{port.protocol}" for port in networking.publish)
    exposed = (*(config.exposed_ports if config else ()), *options.exposed, *ports)
    privileged = options.privileged
    seccomp = options.security.seccomp
    spec = ContainerSpec(
        rootfs=image if isinstance(image, Path) else layers[-1] if layers else _NOWHERE,
        argv=(*entrypoint, *cmd),
        env=env,
        cwd=options.workdir or (config.workdir if config else "") or "/",
        uid=account.uid,
        gid=account.gid,
        groups=account.groups,
        limits=options.limits,
        rlimits=options.rlimits,
        namespaces=DEFAULT_NAMESPACES - ({Namespace.CGROUP} if options.cgroupns == "host" else set()),
        read_only=options.read_only,
        capabilities=security.capability_set(options.cap_add, options.cap_drop, privileged=privileged),
        seccomp=seccomp != "unconfined" and not (privileged and not seccomp),
        seccomp_profile=_profile(seccomp) if seccomp not in ("", "unconfined") else "",
        no_new_privileges=options.security.no_new_privileges,
        on_disk=not options.in_memory,
        devices=options.devices,
        sysctls=options.sysctls,
        shm_size=options.shm_size,
        oom_score_adj=options.oom_score_adj,
        masked=options.security.systempaths and not privileged,
        privileged=privileged,
    )
    return Settings(
        spec=spec,
        image=options.image,
        image_id="" if isinstance(image, Path) else image.id,
        chain="" if isinstance(image, Path) or not image.layers else image.layers[-1],
        entrypoint=entrypoint,
        cmd=cmd,
        hostname=options.hostname or _hostname(options),
        user=user,
        tty=options.tty,
        open_stdin=options.open_stdin,
        labels={**(config.labels if config else {}), **options.labels},
        restart=options.restart,
        auto_remove=options.auto_remove,
        init=options.init,
        health=health.check(config.healthcheck if config else None, options.health),
        stop_signal=_stop_signal(config, options),
        stop_timeout=10 if options.stop_timeout is None else options.stop_timeout,
        log=options.log,
        networking=networking,
        mounts=all_mounts,
        exposed=tuple(dict.fromkeys(exposed)),
        pid=options.pid,
        ipc=options.ipc,
        uts=options.uts,
        resources=options.resources,
    )


def command(config: "ImageConfig | None", options: RunOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entry point and command; another entry point than the image's takes none of its commands."""
    if options.entrypoint is not None:
        return ((options.entrypoint,) if options.entrypoint else ()), options.argv
    if config is None:
        return (), options.argv
    return config.entrypoint, options.argv or config.cmd


def _stop_signal(config: "ImageConfig | None", options: RunOptions) -> int:
    if options.stop_signal is not None:
        return options.stop_signal
    text = config.stop_signal if config else ""
    try:
        return signal_number(text or "SIGTERM")
    except UsageError as error:
        raise ImageError(
            f"the stop signal {text!r} of the image has no meaning", "use --stop-signal"
        ) from error


def _hostname(options: RunOptions) -> str:
    """The host's where its name is shared; otherwise the container's id, said by an empty one."""
    import os

    is_host = mode.parse(options.networking.mode).kind == mode.HOST or options.uts == "host"
    return os.uname().nodename if is_host else ""


def _profile(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_PROFILE_LIMIT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"can't read the seccomp profile {path}: {getattr(error, 'strerror', error)}"
        ) from error
    if len(text) > _PROFILE_LIMIT:
        raise UsageError(
            f"the seccomp profile {path} is longer than {_PROFILE_LIMIT} bytes", "name another file"
        )
    return text
