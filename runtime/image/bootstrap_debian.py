"""An image of the host's distribution, made by mmdebstrap (mmdebstrap(1))."""

import os
import re
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from runtime.image.bootstrap import image_config, source_date_epoch
from runtime.image.making import import_archive
from runtime.image.registry_errors import printable
from runtime.image.store import ImageStore, StoredImage
from tare import apt
from tare.errors import ImageError, UsageError

if TYPE_CHECKING:
    from subprocess import Popen

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?(?:[=/][A-Za-z0-9.+:~-]+)?")
_SUITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
# mmdebstrap itself removes apt's lists, its cache and the logs it knows, and empties machine-id.
_HOST_SPECIFIC = 'rm -f "$1/etc/resolv.conf" "$1/etc/hostname"'
_SECONDS_TO_END, _SECONDS_TO_CLEAN = 1, 60
_LOGS = 'find "$1/var/log" -type f -delete'


def bootstrap_debian(
    store: ImageStore, name: str = "debian:latest", *, suite: str = "", include: Sequence[str] = ()
) -> StoredImage:
    """Make the image; the same packages and SOURCE_DATE_EPOCH give the same digest.

    Args:
        store: where it goes.
        name: how it is called then.
        suite: a release's name. The host's own, also when empty, comes from where the host's apt has it;
            another one from where mmdebstrap looks for it.
        include: packages beside the essential ones and apt.

    Raises:
        ImageError: mmdebstrap is missing or fails, or the disk is full.
        UsageError: the name, suite or a package has no meaning.
    """
    packages = [package for text in include for package in text.split(",") if package]
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise UsageError(f"{package!r} is not a package's name", "name packages as apt-get install does")
    host_suite = apt.suite()
    suite = suite or host_suite
    if not suite:
        raise ImageError("this host's release has no name", "name the suite, as bookworm")
    if not _SUITE.fullmatch(suite):
        raise UsageError(f"{suite!r} is not a release's name", "name it as bookworm")
    epoch = source_date_epoch()
    packages = sorted(set(packages))
    option = f" --include {','.join(packages)}" if packages else ""
    config = image_config("bash", f"tarebox image bootstrap debian{option}", epoch)
    command = [
        _program(),
        "--variant=minbase",
        "--format=tar",
        *([f"--include={','.join(packages)}"] if packages else []),
        f"--customize-hook={_HOST_SPECIFIC}",
        f"--customize-hook={_LOGS}",
        suite,
        "-",
        *(map(str, apt.sources()) if suite == host_suite else ()),
    ]
    with store.content.adding():
        with _running(command, epoch) as archive:
            image = import_archive(store.content, archive, config=config)
        return store.add(image, [name])


def _program() -> str:
    import shutil

    found = shutil.which("mmdebstrap")
    if not found:
        raise ImageError("no mmdebstrap on this host", "install the package mmdebstrap (Debian, Ubuntu)")
    return found


@contextmanager
def _running(command: list[str], epoch: int) -> Iterator[BinaryIO]:
    """The archive that mmdebstrap writes, whose faults go before those of reading it."""
    import subprocess
    import tempfile

    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
        archive = cast("BinaryIO", process.stdout)
        try:
            yield archive
            _check(process, errors)
        except ImageError:
            # An archive that is not whole is mmdebstrap's fault when it is also over.
            if select.select([archive], [], [], _SECONDS_TO_END)[0] and not archive.read(1):
                _check(process, errors)
            raise
        finally:
            archive.close()
            _end(process)


def _check(process: "Popen[bytes]", errors: IO[bytes]) -> None:
    if process.wait() == 0:
        return
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").splitlines()
    faults = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")] or lines[-1:]
    said = printable(faults[0]) if faults else f"exit status {process.returncode}"
    raise ImageError(f"mmdebstrap failed: {said}", "check the suite, the packages and the host's apt sources")


def _end(process: "Popen[bytes]") -> None:
    """Have it unmount and remove what it made, also when the archive was not read to the end."""
    import subprocess

    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_CLEAN)
    process.wait()
