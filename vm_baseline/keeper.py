"""The process that has a detached machine: `python -m vm_baseline.keeper RUN_DIRECTORY`.

It takes an order on its standard input, starts the machine, says in JSON that it is ready or what went
wrong, and goes on until the machine has ended.
"""

import json
import os
import pickle
import signal
import sys
import time

from tare.errors import TareError, UsageError
from tare.state import State
from vm_baseline.detached import CONTROL, DIRECTORY, Order
from vm_baseline.errors import HypervisorError
from vm_baseline.hypervisor import Hypervisor
from vm_baseline.log import Log
from vm_baseline.machine import Machine
from vm_baseline.networking import opened
from vm_baseline.place import Place, new_place, place_named
from vm_baseline.record import Record
from vm_baseline.relay import Relay

_KILLED = 137


def main() -> None:
    """Keep one machine."""
    state, order = pickle.load(sys.stdin.buffer)
    try:
        place = _reserve(state, order.name)
        try:
            _keep(state, order, place)
        except BaseException:
            place.remove()
            raise
    except TareError as error:
        _tell({"fault": (error.what, error.hint), "code": error.exit_code})


def _reserve(state: State, name: str) -> Place:
    try:
        return new_place(state, DIRECTORY, name)
    except FileExistsError:
        place = place_named(state, DIRECTORY, name)
    if place.take():
        if Record.read(place.data) is None:  # its keeper was killed before the start
            place.remove()
            return _reserve(state, name)
        place.leave()
    raise UsageError(
        f"the machine name {name!r} is already in use", "remove that one, or choose another name"
    )


def _keep(state: State, order: Order, place: Place) -> None:
    log = Log(place.data)
    with opened(state, order.network) as network, Hypervisor(state, order.uri) as hypervisor:
        spec = network.given_to(order.spec)
        machine = hypervisor.start(spec, output=log.output, errors=log.errors)
        network.joined_by(machine)
        machine.wait_ready()
        signal.signal(signal.SIGTERM, lambda *_: machine.kill_emulator())
        relay = Relay(place.run / CONTROL, machine.agent)
        record = Record(
            order.name, order.image, spec.argv or (), dict(spec.env), spec.user, spec.directory,
            time.time(), machine.name, os.getpid(), spec.terminal is not None, spec.has_input,
        )  # fmt: skip
        record.write(place.data)
        _tell({"name": order.name})
        status, fault = _outcome(machine)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        machine.remove()
    record.after(status, time.time(), fault).write(place.data)
    relay.close(status)
    if order.remove:
        place.remove()


def _outcome(machine: Machine) -> tuple[int, str]:
    try:
        return machine.wait(), ""
    except HypervisorError as error:
        return _KILLED, str(error)


def _tell(answer: object) -> None:
    """Say it, and let go of who waits for it; with nobody there the machine is not wanted any more."""
    os.write(1, json.dumps(answer).encode())
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


if __name__ == "__main__":
    main()
