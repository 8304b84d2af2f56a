"""The oldest programs that will do."""

from vm_baseline.errors import HypervisorError

QEMU_SINCE = (6, 2)
"""The first that takes devices as JSON."""
LIBVIRT_SINCE = (9, 0)
"""The first that describes microvm's devices."""


def check(what: str, version: str, least: tuple[int, int]) -> None:
    """Refuse a version that is too old; one that is no number is let be.

    Raises:
        HypervisorError: it is older than the least.
    """
    numbers = tuple(int(word) for word in version.split(".")[:2] if word.isdigit())
    if len(numbers) == 2 and numbers < least:
        raise HypervisorError(
            f"{what} {version} is too old", f"at least {'.'.join(map(str, least))} is needed"
        )
