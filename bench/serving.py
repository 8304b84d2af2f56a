"""An instance that others ask over the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

from bench.scope import running
from bench.subject import Instance, RunSpec, Subject, SubjectError


def address_of(instance: Instance, subject: Subject) -> IPv4Address:
    """Where it is reached. Raises: SubjectError: nowhere."""
    address = instance.address()
    if address is None:
        raise SubjectError(f"{subject.name} has no address to ask")
    return address


@contextmanager
def serving(subject: Subject, spec: RunSpec) -> Iterator[tuple[Instance, IPv4Address]]:
    """One that has given its first output, with its address; removed when the block ends.

    Raises:
        Unsupported: the subject makes no network.
        SubjectError: it does not start, or has no address.
    """
    with running(subject, spec) as instance:
        yield instance, address_of(instance, subject)
