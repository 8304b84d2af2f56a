"""The credentials that `tarebox login` or else `docker login` left, and the helpers that docker's name.

Both files have the form of docker's config.json (its "login").
"""

import json
import os
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.image.registry_errors import RegistryError

_SECONDS = 30
_TOKEN_USER = "<token>"  # noqa: S105 - the name a helper gives instead of a user's


@dataclass(frozen=True)
class Credentials:
    """A user's name and password, or an identity token in their place."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)


def find_credentials(host: str) -> Credentials | None:
    """What our own file or docker's configuration ($DOCKER_CONFIG, else ~/.docker) has for a host and port.

    Raises:
        RegistryError: a file can't be read, or a helper it names fails.
    """
    docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    return _find(own_path(), host) or _find(docker, host)


def own_path() -> Path:
    """The file of `tarebox login`, beside the user's settings of registries (see registry_config)."""
    if settings := os.environ.get("TAREBENCH_REGISTRIES"):
        return Path(settings).with_name("credentials.json")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "tarebench/credentials.json")


def read_settings(path: Path) -> dict[str, Any]:
    """A file of credentials; empty where there is none.

    Raises:
        RegistryError: it can't be read.
    """
    try:
        settings = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RegistryError(f"can't read {path}: {error}", "correct the file or log in again") from error
    return settings if isinstance(settings, dict) else {}


def _find(path: Path, host: str) -> Credentials | None:
    settings = read_settings(path)
    if helper := _entry(settings, "credHelpers").get(host):
        return _ask(str(helper), host)
    entries = {_authority(key): value for key, value in _entry(settings, "auths").items()}
    found = entries.get(host)
    if isinstance(found, dict) and (credentials := _decode(found, path)):
        return credentials
    if host in entries and (store := settings.get("credsStore")):
        return _ask(str(store), host)
    return None


def _entry(settings: dict[str, Any], name: str) -> dict[str, Any]:
    value = settings.get(name)
    return value if isinstance(value, dict) else {}


def _authority(key: str) -> str:
    """Older versions of docker wrote a URL where newer ones write the host."""
    return key.rpartition("://")[2].partition("/")[0]


def _decode(entry: dict[str, Any], path: Path) -> Credentials | None:
    if identity := entry.get("identitytoken"):
        return Credentials(identity=str(identity))
    if packed := entry.get("auth"):
        try:
            user, colon, password = b64decode(str(packed), validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError) as error:
            raise RegistryError(f"an auth in {path} is not base64", "log in again") from error
        if colon:
            return Credentials(user, password.rstrip("\0"))
    if entry.get("username"):
        return Credentials(str(entry["username"]), str(entry.get("password", "")))
    return None


def _ask(helper: str, host: str) -> Credentials | None:
    """The protocol of docker-credential-helpers: the host on standard input, JSON on standard output."""
    import subprocess

    program = f"docker-credential-{helper}"
    if "/" in helper:
        raise RegistryError(f"{program} is not a credential helper's name", "correct docker's config.json")
    try:
        done = subprocess.run(
            [program, "get"], input=host, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode != 0 and "not found" in done.stdout:
            return None
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except OSError as error:
        raise RegistryError(f"can't run {program}: {error.strerror}", "install it or log in again") from error
    except subprocess.TimeoutExpired as error:
        raise RegistryError(f"{program} did not answer within {_SECONDS} s", "log in again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"{program} has no credentials for {host}", "log in again") from error
    return Credentials(identity=secret) if user == _TOKEN_USER else Credentials(user, secret)
