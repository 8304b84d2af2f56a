# ruff: noqa: PTH104, PTH106, PTH108, PTH123 - plain strings, as in system calls
"""The monitor in Python, for where there was no C compiler: as monitor.c, but with more memory."""

import fcntl
import getopt
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from contextlib import suppress
from itertools import pairwise
from typing import NoReturn

_STEP = 16384
_CLIENTS = 32
_LOG = "container.log"
_PATIENCE = 1.0
_LONG_RUN = 10.0
_SHORTEST_DELAY = 0.1


class _Log:
    def __init__(self, max_size: int, max_files: int) -> None:
        self._max_size = max_size
        self._max_files = max_files
        self._file = open(_LOG, "ab", 0)  # noqa: SIM115 - for as long as the container runs

    def write(self, stream: str, text: bytes) -> None:
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        values = {
            "log": text.decode(errors="replace"),
            "stream": stream,
            "time": f"{moment}.{nanoseconds:09d}Z",
        }
        line = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        size = os.fstat(self._file.fileno()).st_size
        if 0 < self._max_size < size + len(line) and size:
            self._rotate()
        with suppress(OSError):
            self._file.write(line)

    def _rotate(self) -> None:
        names = [_LOG, *(f"{_LOG}.{number}" for number in range(1, self._max_files))]
        for old, new in reversed(list(pairwise(names))):
            with suppress(FileNotFoundError):
                os.rename(old, new)
        if self._max_files <= 1:
            os.unlink(_LOG)
        self._file.close()
        self._file = open(_LOG, "ab", 0)  # noqa: SIM115 - as above


class _Stream:
    def __init__(self, descriptor: int, name: str, log: _Log) -> None:
        self.fd = descriptor
        self.packet = b"o" if name == "stdout" else b"e"
        self._name = name
        self._log = log
        self._line = b""

    def take(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._pieces(line + b"\n", 0)
        self._line = self._pieces(self._line, _STEP)

    def end(self) -> None:
        self._pieces(self._line, 0)

    def _pieces(self, line: bytes, kept: int) -> bytes:
        """Log a line in pieces down to less than what is kept; returns the rest."""
        while line and len(line) >= kept:
            size = _whole(line[:_STEP]) if len(line) > _STEP or kept else len(line)
            self._log.write(self._name, line[:size])
            line = line[size:]
        return line


def _whole(data: bytes) -> int:
    """How much to take of a full piece, so that no character is cut in two."""
    for back in range(1, min(4, len(data))):
        byte = data[-back]
        if byte >= 0xC0:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            return len(data) - back if length > back else len(data)
        if byte < 0x80:
            break
    return len(data)


class _Attached:
    """The socket and its clients."""

    def __init__(self, listener: int, given: int) -> None:
        self.listener = socket.socket(fileno=listener)
        self.given = given
        self.clients: dict[socket.socket, bool] = {}

    def output(self, kind: bytes, data: bytes) -> None:
        for client in [client for client, is_attached in self.clients.items() if is_attached]:
            try:
                client.settimeout(_PATIENCE)
                client.send(kind + data, socket.MSG_NOSIGNAL)
            except OSError:
                self._drop(client)

    def accept(self) -> None:
        with suppress(OSError):
            self.clients[self.listener.accept()[0]] = False

    def packet(self, client: socket.socket) -> None:
        try:
            packet = client.recv(_STEP, socket.MSG_DONTWAIT)
        except OSError:
            packet = b""
        if not packet:
            self._drop(client)
        elif packet[:1] == b"a":
            self.clients[client] = True
        elif packet[:1] == b"i":
            self._input(packet[1:])
        elif packet[:1] == b"e" and self.given >= 0 and not os.isatty(self.given):
            os.close(self.given)
            self.given = -1
        elif packet[:1] == b"w" and len(packet) == 5 and self.given >= 0:
            with suppress(OSError):
                fcntl.ioctl(self.given, termios.TIOCSWINSZ, packet[1:] + bytes(4))

    def _input(self, data: bytes) -> None:
        with suppress(OSError):
            while data and self.given >= 0:
                data = data[os.write(self.given, data) :]

    def _drop(self, client: socket.socket) -> None:
        del self.clients[client]
        client.close()


class _Monitor:
    def __init__(self, numbers: list[str], options: list[tuple[str, str]]) -> None:
        self._pid, self._pidfd, listener, out, err, given = map(int, numbers)
        self._single = dict(options)
        self._groups = [value for option, value in options if option == "-g"]
        self._check = [value for option, value in options if option == "-c"]
        self._after = [value for option, value in options if option == "-a"]
        log = _Log(int(self._single.get("-s", 0)), int(self._single.get("-f", 1)))
        self._streams = [_Stream(out, "stdout", log), _Stream(err, "stderr", log)]
        self._attached = _Attached(listener, given)

    def watch(self) -> NoReturn:
        started = time.monotonic()
        self._serve()
        _, status = os.waitpid(self._pid, 0)
        for stream in self._streams:
            if stream.fd >= 0:
                os.set_blocking(stream.fd, False)
                while self._copy(stream):
                    pass
                stream.end()
        code = os.waitstatus_to_exitcode(status)
        self._record(code if code >= 0 else 128 - code)
        for group in self._groups:
            with suppress(OSError):
                os.rmdir(group)
        with suppress(FileNotFoundError):
            os.unlink("attach")
        for client in (*self._attached.clients, self._attached.listener):
            client.close()
        if self._after:
            delay = int(self._single.get("-r", 0)) / 1000
            time.sleep(min(delay, _SHORTEST_DELAY) if time.monotonic() - started > _LONG_RUN else delay)
            os.execv(self._after[0], self._after)
        os._exit(0)

    def _serve(self) -> None:
        interval = int(self._single.get("-i", 0)) / 1000
        due = time.monotonic() + interval
        check: subprocess.Popen[bytes] | None = None
        while True:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            by_descriptor = {stream.fd: stream for stream in self._streams if stream.fd >= 0}
            clients = {client.fileno(): client for client in self._attached.clients}
            listeners = [self._attached.listener.fileno()] if len(clients) < _CLIENTS else []
            for descriptor in (*by_descriptor, *clients, *listeners):
                poll.register(descriptor, select.POLLIN)
            left = max(due - time.monotonic(), 0) * 1000 if self._check else None
            ready = [descriptor for descriptor, _ in poll.poll(left)]
            if self._check and time.monotonic() >= due:
                if check is None or check.poll() is not None:
                    check = subprocess.Popen(
                        self._check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                    )
                due = time.monotonic() + interval
            for descriptor in ready:
                if stream := by_descriptor.get(descriptor):
                    if not self._copy(stream):
                        stream.end()
                        stream.fd = -1
                elif client := clients.get(descriptor):
                    self._attached.packet(client)
                elif descriptor != self._pidfd:
                    self._attached.accept()
            if self._pidfd in ready:
                break
        if check and check.poll() is None:
            check.kill()
            check.wait()

    def _copy(self, stream: _Stream) -> bool:
        try:
            data = os.read(stream.fd, _STEP)
        except OSError:
            data = b""
        if data:
            self._attached.output(stream.packet, data)
            stream.take(data)
        return bool(data)

    def _record(self, code: int) -> None:
        ended = time.time_ns()
        is_out_of_memory = self._was_out_of_memory()
        values = {
            "run": int(self._single.get("-n", 0)),
            "exit_code": code,
            "oom_killed": is_out_of_memory,
            "finished_at": ended,
        }
        with open(".exit.new", "w", encoding="utf-8") as file:
            file.write(json.dumps(values))
            file.flush()
            os.fsync(file.fileno())
        os.rename(".exit.new", "exit.json")
        for status in ("oom", "die") if is_out_of_memory else ("die",):
            head = f'{{"status": "{status}", "time": {ended}, {self._single["-d"]}'
            with open(self._single["-e"], "ab", 0) as journal:
                journal.write(f'{head}, "exitCode": "{code}"}}}}\n'.encode())

    def _was_out_of_memory(self) -> bool:
        try:
            with open(self._single.get("-o", ""), encoding="ascii") as file:
                lines = dict(line.split() for line in file)
        except OSError:
            return False
        return int(lines.get("oom_kill", 0)) > 0


def main() -> NoReturn:
    """Watch the container of the arguments; see monitor.c for them."""
    numbers, rest = sys.argv[2:8], sys.argv[8:]
    for descriptor in map(int, numbers[1:]):
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    options, _ = getopt.getopt(rest, "n:s:f:o:g:e:d:i:c:r:a:")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _Monitor(numbers, options).watch()
