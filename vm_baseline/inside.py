"""What can be done inside a running guest, through its agent."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from signal import Signals

from vm_baseline import copying
from vm_baseline.agent import Agent, Clock
from vm_baseline.command import Command
from vm_baseline.deadline import Deadline
from vm_baseline.errors import HypervisorError
from vm_baseline.guest_process import TAKEN_WITHIN, GuestProcess
from vm_baseline.spec import MachineSpec


class Inside:
    """The inside of a guest.

    Args:
        agent: the channel to its agent.
        spec: what was started; commands have its environment, user and working directory.
    """

    def __init__(self, agent: Agent, spec: MachineSpec) -> None:
        self._agent = agent
        self._spec = spec

    @property
    def agent(self) -> Agent:
        """The channel to its agent."""
        return self._agent

    def shares(self, path: str) -> bool:
        """Whether a file of the guest is one of the host, in a directory that it was given."""
        return any(PurePosixPath(path).is_relative_to(each.target) for each in self._spec.volumes)

    def popen(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        directory: str | None = None,
        terminal: tuple[int, int] | None = None,
        has_input: bool = False,
        timeout: float | None = None,
    ) -> GuestProcess:
        """Start a command, whose streams, signals and end the result has.

        Args:
            argv: the program and its arguments.
            env: variables besides the payload's.
            user: `name|uid[:group|gid]`; None for the payload's.
            directory: the working directory; None for the payload's.
            terminal: rows and columns of a terminal for it.
            has_input: whether it will be given input.
            timeout: seconds to wait for the agent.

        Raises:
            subprocess.TimeoutExpired: the agent did not answer in time.
            HypervisorError: the guest has ended.
        """
        spec = self._spec
        return self._agent.start(
            Command(
                tuple(argv),
                {**spec.env, **(env or {})},
                spec.user if user is None else user,
                spec.directory if directory is None else directory,
                terminal,
                has_input,
            ),
            timeout,
        )

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Iterable[bytes] | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        directory: str | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; its status is 127 where there is no such program, 126 where it can't run.

        Args:
            argv: the program and its arguments.
            stdin: its whole input; it has none without.
            timeout: seconds, the wait for the agent included.
            env: as for `popen`, as are user and directory.

        Raises:
            subprocess.TimeoutExpired: it took longer; it was killed, with its process group.
            HypervisorError: the guest ended meanwhile.
        """
        output, errors = bytearray(), bytearray()
        process = self.popen(
            argv, env=env, user=user, directory=directory, has_input=stdin is not None, timeout=timeout
        )
        status = process.communicate(stdin, output.extend, errors.extend, timeout)
        return subprocess.CompletedProcess(list(argv), status, bytes(output), bytes(errors))

    def copy_in(self, source: str | Path, target: str, *, archive: bool = False) -> None:
        """Copy a file or directory of the host into the guest, by the rules of `docker cp`.

        Args:
            source: a path of the host; with `/.` at its end the contents of a directory.
            target: a path in the guest, whose parent directory must exist.
            archive: keep the owners; otherwise the copies are root's.

        Raises:
            ImageError: the source can't be read.
            HypervisorError: the guest can't take it, or ended.
        """
        copying.copy_in(self._agent, str(source), target, archive=archive)

    def copy_out(self, source: str, target: str | Path, *, archive: bool = False) -> None:
        """Copy a file or directory of the guest to the host, by the rules of `docker cp`.

        Args:
            source: a path in the guest; with `/.` at its end the contents of a directory.
            target: a path of the host, whose parent directory must exist.
            archive: keep the owners; otherwise the copies are the caller's.

        Raises:
            ImageError: the target can't be written.
            HypervisorError: the guest can't give it, or ended.
        """
        copying.copy_out(self._agent, source, str(target), archive=archive)

    def clock(self, timeout: float | None = None) -> Clock:
        """The guest's clock against the host's, with how uncertain that is.

        Raises:
            subprocess.TimeoutExpired: the agent did not answer within the seconds given.
            HypervisorError: the guest has ended.
        """
        return self._agent.clock(timeout)

    def clock_offset(self) -> tuple[int, int]:
        """Guest CLOCK_REALTIME minus the host's in ns, and its uncertainty.

        Raises:
            HypervisorError: the guest has ended.
        """
        clock = self.clock()
        return clock.offset_ns, clock.uncertainty_ns

    def set_clock(self) -> None:
        """Set the guest's CLOCK_REALTIME to the host's.

        Raises:
            HypervisorError: the guest has ended.
        """
        self._agent.set_clock(-self.clock().offset_ns)

    def write(self, data: bytes, timeout: float | None = None) -> None:
        """Give the payload input; waits while it takes none.

        Raises:
            subprocess.TimeoutExpired: it has not taken all within the seconds given.
            HypervisorError: the guest has ended, or there is no payload.
        """
        deadline = Deadline("the payload", timeout)
        self._agent.wait_present(deadline)
        self._payload.write(data, deadline.left)

    def close_stdin(self, timeout: float | None = None) -> None:
        """End the payload's input. Raises as `kill`, which has the timeout."""
        self._agent.wait_present(Deadline("the payload", timeout))
        self._payload.close_input(timeout or TAKEN_WITHIN)

    def kill(self, signal: int = Signals.SIGTERM, timeout: float | None = None) -> None:
        """Send the payload a signal.

        Args:
            signal: its number.
            timeout: seconds that the agent has to be there, and again to take this; with 0 it must be there
                already, and with 0 or None it has 10 s to take it.

        Raises:
            subprocess.TimeoutExpired: it was not there, or has stalled and takes nothing.
            HypervisorError: the guest has ended, or there is no payload.
        """
        self._agent.wait_present(Deadline("the payload", timeout))
        self._payload.kill(signal, timeout=timeout or TAKEN_WITHIN)

    def resize(self, rows: int, columns: int, timeout: float | None = None) -> None:
        """Set the size of the payload's terminal. Raises as `kill`, which has the timeout."""
        self._agent.wait_present(Deadline("the payload", timeout))
        self._payload.resize(rows, columns, timeout or TAKEN_WITHIN)

    @property
    def _payload(self) -> GuestProcess:
        if self._agent.payload is None:
            raise HypervisorError("this guest has no payload")
        return self._agent.payload
