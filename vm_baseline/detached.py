"""Machines that outlive who started them: a keeper process of its own has the lines of each."""

import json
import pickle
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tare.errors import TareError, UsageError
from tare.state import State
from vm_baseline.agent import Agent
from vm_baseline.deadline import Deadline
from vm_baseline.errors import HypervisorError, NoSuchMachineError
from vm_baseline.inside import Inside
from vm_baseline.networking import Network
from vm_baseline.place import Place, place_named, places, run_directory
from vm_baseline.processes import end
from vm_baseline.record import Record
from vm_baseline.serial import Serial
from vm_baseline.spec import MachineSpec
from vm_baseline.tools import require

DIRECTORY = "detached"
KEEPER = "vm_baseline.keeper"
CONTROL = "control"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,31}")
_LOST = 137
"""The status of a machine whose keeper was killed, as of what a SIGKILL ended."""
_LAST_SECONDS = 10.0
"""That a keeper has to go once its machine has ended."""


@dataclass(frozen=True)
class Order:
    """A machine to be started detached.

    Args:
        spec: what to start, without a network.
        image: as a person wrote it.
        name: a person's for it.
        network: it is on.
        uri: of libvirt, or None for a private one.
        remove: what is known of it goes with its end.
    """

    spec: MachineSpec
    image: str
    name: str
    network: Network = Network()  # noqa: RUF009 - frozen
    uri: str | None = None
    remove: bool = False


class Detached(Inside):
    """A detached machine that runs; closing it leaves it running.

    Args:
        place: of what is kept of it.
        record: what is known of it.

    Raises:
        HypervisorError: it has ended.
    """

    def __init__(self, place: Place, record: Record) -> None:
        self.name = record.name
        self.place = place
        self.record = record
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(place.run / CONTROL))
        except OSError as error:
            connection.close()
            raise HypervisorError(f"the machine {self.name} is not running") from error
        self._serial = Serial(None, "")
        spec = MachineSpec(
            "", place.data, env=record.env, user=record.user, directory=record.directory, argv=record.command
        )
        super().__init__(Agent(connection, self._serial, (None, None)), spec)

    def __enter__(self) -> "Detached":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_kept(self) -> bool:
        """Whether its keeper still has it."""
        return self.place.is_held

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; the payload's exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if not self._serial.wait(lambda: self._serial.gone_ns is not None, timeout):
            raise subprocess.TimeoutExpired(self.name, timeout or 0)
        payload = self._agent.payload
        return payload.status if payload and payload.status is not None else status(self.place)

    def stop(self, timeout: float | None = 10.0) -> int:
        """Ask the payload to end, and end the machine when it doesn't in the seconds given; its status."""
        deadline = Deadline(self.name, timeout)
        try:
            self.kill(signal.SIGTERM, timeout)
            return self.wait(deadline.left)
        except subprocess.TimeoutExpired:
            return self.destroy()
        except HypervisorError:
            pass  # it ended in this moment
        return self.wait()

    def destroy(self) -> int:
        """End it at once; its exit status."""
        end(self.record.keeper, signal.SIGTERM, 0)
        return self.wait()

    def close(self) -> None:
        """Leave it."""
        self._serial.close()
        self._agent.close()


def new_name() -> str:
    """A name that hardly any other machine has."""
    return secrets.token_hex(6)


def start(state: State, order: Order) -> None:
    """Start a machine that outlives us, and wait until it is ready.

    Raises:
        UsageError: the name is taken, or can't be one.
        TareError: what the keeper met; nothing is left behind.
    """
    if not _NAME.fullmatch(order.name):
        raise UsageError(
            f"{order.name!r} is no name", "use up to 32 letters, digits, dots, hyphens and underscores"
        )
    # Forked off, so that it isn't our child and this ends with its answer.
    keeper = subprocess.run(
        [require("setsid", "util-linux"), "--fork", sys.executable, "-m", KEEPER, str(run_directory(state))],
        input=pickle.dumps((state, order)), capture_output=True, check=False,
    )  # fmt: skip
    if not keeper.stdout:
        lines = keeper.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else "its keeper ended"
        raise HypervisorError(f"the machine {order.name} can't be kept: {reason}")
    answer = json.loads(keeper.stdout)
    if "fault" in answer:
        fault = TareError(*answer["fault"])
        fault.exit_code = answer["code"]
        raise fault


def machines(state: State) -> list[Record]:
    """The detached machines, the newest first; one whose keeper was killed has ended."""
    kept = places(state, DIRECTORY)
    found = [_seen(place, record) for place in kept if (record := Record.read(place.data))]
    return sorted(found, key=lambda record: record.created, reverse=True)


def find(state: State, name: str) -> tuple[Place, Record]:
    """The place and what is known of the machine of that name.

    Raises:
        NoSuchMachineError: there is none.
    """
    place = place_named(state, DIRECTORY, name)
    record = Record.read(place.data) if _NAME.fullmatch(name) else None
    if record is None:
        raise NoSuchMachineError(name)
    return place, _seen(place, record)


def adopt(state: State, name: str) -> Detached:
    """The running machine of that name.

    Raises:
        NoSuchMachineError: there is none.
        HypervisorError: it has ended.
    """
    return Detached(*find(state, name))


def ended(state: State, name: str, end: Callable[[Detached], int]) -> int:
    """The exit status of the machine of that name.

    Args:
        state: it belongs to.
        name: of the machine.
        end: waits for the end of one that runs, or brings it about; gives its status.

    Raises:
        NoSuchMachineError: there is none.
    """
    place, record = find(state, name)
    if record.status is not None:
        return record.status
    try:
        machine = Detached(place, record)
    except HypervisorError:  # it has ended in this moment
        return status(place)
    with machine:
        return end(machine)


def remove(state: State, name: str, *, force: bool) -> None:
    """Forget a machine that has ended.

    Args:
        state: it belongs to.
        name: of the machine.
        force: end it first.

    Raises:
        NoSuchMachineError: there is none.
        HypervisorError: it runs, or another process removes it.
    """
    place, record = find(state, name)
    if record.status is None and not force:
        raise HypervisorError(f"the machine {name} is running", "stop it first, or use --force")
    ended(state, name, Detached.destroy)
    # Its keeper has told of the end, and is about to go.
    if place.take() or (end(record.keeper, signal.SIGCONT, _LAST_SECONDS) and place.take()):
        place.remove()
    elif place.data.exists():
        raise HypervisorError(f"the machine {name} is in use", "try again")


def status(place: Place) -> int:
    """The exit status of a machine that has ended."""
    record = Record.read(place.data)
    return _LOST if record is None or record.status is None else record.status


def _seen(place: Place, record: Record) -> Record:
    if record.status is not None or place.is_held:
        return record
    return record.after(_LOST, place.data.stat().st_mtime, "its keeper was killed")
