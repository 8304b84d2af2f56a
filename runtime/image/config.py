"""What an image says about the container made of it (OCI config.md and Docker's additions)."""

from dataclasses import dataclass, field
from typing import Any

from runtime.image.digest import check_digest
from runtime.image.fields import Fields, document, without_empty
from runtime.image.platform import Platform


@dataclass(frozen=True)
class History:
    """How one layer, or an empty one, came to be.

    Args:
        created: RFC 3339 time, may be empty.
        created_by: the command.
        comment: free text.
        empty_layer: whether it changed no file.
        other: fields not known here, as author.
    """

    created: str = ""
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False
    other: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, value: object) -> "History":
        """One entry as JSON has it."""
        fields = Fields(value, "an entry of an image's history")
        return cls(
            fields.text("created"),
            fields.text("created_by"),
            fields.text("comment"),
            fields.flag("empty_layer"),
            fields.rest(),
        )

    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return without_empty(
            {
                "created": self.created,
                "created_by": self.created_by,
                "comment": self.comment,
                "empty_layer": self.empty_layer or None,
                **self.other,
            }
        )


@dataclass(frozen=True)
class ImageConfig:
    """The configuration of an image.

    Args:
        architecture: GOARCH.
        os: GOOS.
        diff_ids: digests of the uncompressed layers, bottom first.
        history: oldest first.
        created: RFC 3339 time, may be empty.
        entrypoint: what comes before the command.
        cmd: the default command, or the entry point's default arguments.
        env: `NAME=value` entries.
        user: `user[:group]`, names or numbers.
        workdir: an absolute path, or empty.
        exposed_ports: as `80/tcp`.
        volumes: paths.
        labels: free labels.
        stop_signal: as SIGTERM, or empty.
        healthcheck: Docker's object (Test, Interval, ...), or None.
        other_config: fields of `config` not known here.
        other: further fields not known here.
    """

    architecture: str
    os: str = "linux"
    diff_ids: tuple[str, ...] = ()
    history: tuple[History, ...] = ()
    created: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    stop_signal: str = ""
    healthcheck: dict[str, Any] | None = field(default=None, hash=False)
    other_config: dict[str, Any] = field(default_factory=dict, hash=False)
    other: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, data: bytes) -> "ImageConfig":
        """A configuration's document.

        Raises:
            ImageError: it is none.
        """
        fields = Fields.parse(data, "an image's configuration")
        rootfs = Fields(fields.mapping("rootfs") or {}, "the rootfs of an image's configuration")
        config = Fields(fields.mapping("config") or {}, "the config of an image's configuration")
        return cls(
            architecture=fields.text("architecture"),
            os=fields.text("os") or "linux",
            diff_ids=tuple(map(check_digest, rootfs.texts("diff_ids"))),
            history=tuple(map(History.read, fields.values("history"))),
            created=fields.text("created"),
            entrypoint=config.texts("Entrypoint"),
            cmd=config.texts("Cmd"),
            env=config.texts("Env"),
            user=config.text("User"),
            workdir=config.text("WorkingDir"),
            exposed_ports=config.names("ExposedPorts"),
            volumes=config.names("Volumes"),
            labels=config.labels("Labels"),
            stop_signal=config.text("StopSignal"),
            healthcheck=config.mapping("Healthcheck"),
            other_config=config.rest(),
            other=fields.rest(),
        )

    @property
    def platform(self) -> Platform:
        """What it is for."""
        return Platform(self.architecture, self.os, str(self.other.get("variant") or ""))

    def config_fields(self) -> dict[str, Any]:
        """The part named `config`, as JSON has it."""
        return without_empty(
            {
                "User": self.user,
                "ExposedPorts": {name: {} for name in self.exposed_ports},
                "Env": self.env,
                "Entrypoint": self.entrypoint,
                "Cmd": self.cmd,
                "Volumes": {name: {} for name in self.volumes},
                "WorkingDir": self.workdir,
                "Labels": self.labels,
                "StopSignal": self.stop_signal,
                "Healthcheck": self.healthcheck,
                **self.other_config,
            }
        )

    def serialise(self) -> bytes:
        """The document of a configuration that is made here."""
        return document(
            {
                "created": self.created,
                "architecture": self.architecture,
                "os": self.os,
                **self.other,
                "config": self.config_fields(),
                "rootfs": {"type": "layers", "diff_ids": list(self.diff_ids)},
                "history": tuple(entry.fields() for entry in self.history),
            }
        )
