"""Credentials of a person, kept for the next pull and push in a file that only this user can read."""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.registry_credentials import Credentials, own_path, read_settings
from runtime.image.registry_errors import RegistryError

_AUTHS = "auths"


def log_in(host: str, credentials: Credentials, registries: Registries) -> None:
    """Keep credentials for a registry that takes them.

    Args:
        host: with its port.
        credentials: a user's name and password.
        registries: how it is reached.

    Raises:
        RegistryError: the registry refuses them, can't be asked, or they can't be kept.
        UsageError: that is no host.
    """
    with Session(registries, credentials=lambda _: credentials) as session:
        session.log_in(host)
    with _changed() as auths:
        auths[host] = {"auth": b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()}


def log_out(host: str) -> bool:
    """Forget the credentials for a registry; whether there were any.

    Raises:
        RegistryError: the file can't be changed.
    """
    with _changed() as auths:
        return auths.pop(host, None) is not None


@contextmanager
def _changed() -> Iterator[dict[str, Any]]:
    """What is kept by host, to be changed by one process at a time."""
    import fcntl

    path = own_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.with_name(f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            settings = read_settings(path)
            auths = settings.setdefault(_AUTHS, {})
            yield auths
            new = path.with_name(f".{path.name}.new")
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                json.dump(settings, file, indent=1)
            new.replace(path)
    except OSError as error:
        raise RegistryError(f"can't write {path}: {error.strerror}", "check the directory") from error
