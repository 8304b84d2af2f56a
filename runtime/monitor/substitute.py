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
        self._file = open(_LOG if max_files else os.devnull, "ab", 0)  # noqa: SIM115 - for as long as it runs

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

    def __init__(self, listener: int, given: int, first: int) -> None:
        self.listener = socket.socket(fileno=listener)
        self.given = given
        self.first = socket.socket(fileno=first) if first >= 0 else None
        self.clients: dict[socket.socket, bool] = {self.first: True} if self.first else {}
        self.kept: list[bytes] = []

    def give(self) -> None:
        """Give the first client what it has room for."""
        try:
            while self.kept and self.first:
                self.first.send(self.kept[0], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                del self.kept[0]
        except BlockingIOError:
            return
        except OSError:
            if self.first:
                self._drop(self.first)

    def close(self, code: int, is_out_of_memory: bool) -> None:
        """Tell all of the end, and wait until the first client is gone."""
        packet = b"x%d %d" % (code, is_out_of_memory)
        with suppress(FileNotFoundError):
            os.unlink("attach")
        self.listener.close()
        for client in [client for client in self.clients if client is not self.first]:
            with suppress(OSError):
                client.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            self._drop(client)
        self.kept.append(packet)
        while self.first:
            self.give()
            if self.first:
                poll = select.poll()
                poll.register(self.first, select.POLLIN | (select.POLLOUT if self.kept else 0))
                if poll.poll()[0][1] & ~select.POLLOUT:
                    self.discard(self.first)

    def discard(self, client: socket.socket) -> None:
        """Take a packet that nobody needs any more."""
        try:
            packet = client.recv(_STEP, socket.MSG_DONTWAIT)
        except OSError:
            packet = b""
        if not packet:
            self._drop(client)

    def output(self, kind: bytes, data: bytes) -> None:
        if self.first:
            self.kept.append(kind + data)
            self.give()
        others = [client for client, is_attached in self.clients.items() if is_attached]
        for client in [client for client in others if client is not self.first]:
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
        if client is self.first:
            self.first = None
            self.kept.clear()
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
        self._attached = _Attached(listener, given, int(self._single.get("-t", -1)))

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
        code = code if code >= 0 else 128 - code
        is_out_of_memory = self._was_out_of_memory()
        self._record(code, is_out_of_memory)
        for group in self._groups:
            with suppress(OSError):
                os.rmdir(group)
        self._attached.close(code, is_out_of_memory)
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
            ready = self._ready(max(due - time.monotonic(), 0) * 1000 if self._check else None)
            if self._check and time.monotonic() >= due:
                if check is None or check.poll() is not None:
                    check = subprocess.Popen(
                        self._check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                    )
                due = time.monotonic() + interval
            for stream in self._streams:
                if stream.fd in ready and not self._copy(stream):
                    stream.end()
                    stream.fd = -1
            for client in list(self._attached.clients):
                if client.fileno() in ready:
                    self._attached.packet(client)
            if self._attached.listener.fileno() in ready:
                self._attached.accept()
            if self._pidfd in ready:
                break
        if check and check.poll() is None:
            check.kill()
            check.wait()

    def _ready(self, left: float | None) -> set[int]:
        """Descriptors with something to take; waits for `left` milliseconds."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        # What a first client doesn't read the container can't write.
        streams = [] if self._attached.kept else self._streams
        clients = self._attached.clients
        listeners = [self._attached.listener] if len(clients) < _CLIENTS else []
        outputs = [stream.fd for stream in streams if stream.fd >= 0]
        for descriptor in (*outputs, *(each.fileno() for each in (*clients, *listeners))):
            poll.register(descriptor, select.POLLIN)
        if self._attached.kept and self._attached.first:
            poll.register(self._attached.first, select.POLLIN | select.POLLOUT)
        events = poll.poll(left)
        if any(event & select.POLLOUT for _, event in events):
            self._attached.give()
        return {descriptor for descriptor, event in events if event & ~select.POLLOUT}

    def _copy(self, stream: _Stream) -> bool:
        try:
            data = os.read(stream.fd, _STEP)
        except OSError:
            data = b""
        if data:
            self._attached.output(stream.packet, data)
            stream.take(data)
        return bool(data)

    def _record(self, code: int, is_out_of_memory: bool) -> None:
        ended = time.time_ns()
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
    options, _ = getopt.getopt(rest, "t:n:s:f:o:g:e:d:i:c:r:a:")
    for descriptor in (*map(int, numbers[1:]), int(dict(options).get("-t", -1))):
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _Monitor(numbers, options).watch()
