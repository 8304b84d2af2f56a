"""A server on loopback that answers as a test says, so that it can fail, lie, stall and cut off."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request, with ways to answer it."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def handle_any(self) -> None:
        site = self.server.site
        with site.lock:
            site.asked.append((self.command, self.path, dict(self.headers.items())))
            path = self.path.partition("?")[0]
            answers = site.answers.get((self.command, path), [])
            answer = answers.pop(0) if len(answers) > 1 else answers[0] if answers else None
        try:
            if answer:
                answer(self)
            else:
                self.reply(404)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def reply(self, status: int, body: bytes = b"", /, **headers: str) -> None:
        """A whole answer; header names have _ for -."""
        size = int(self.headers.get("Content-Length", 0))
        while size > 0 and (data := self.rfile.read(min(size, 1 << 20))):
            size -= len(data)
        self.begin(status, **{"Content_Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, status: int, /, **headers: str) -> None:
        """An answer without its body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def stall(self) -> None:
        """Say nothing until the test is over."""
        self.server.site.over.wait(30)
        self.server.site.stalled += 1
        self.close_connection = True

    def cut(self) -> None:
        """Close the connection."""
        self.close_connection = True

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: "Site"

    def handle_error(self, *_: object) -> None: ...


@dataclass
class Site:
    """What a server answers and was asked."""

    host: str
    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    stalled: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Give these answers one after the other, the last one ever after."""
        self.answers[method, path] = list(answers)

    def get(self, path: str, body: bytes, /, **headers: str) -> None:
        """Give this to GET and HEAD."""
        for method in ("GET", "HEAD"):
            self.on(method, path, lambda request: request.reply(200, body, **headers))


@contextmanager
def hostile() -> Iterator[Site]:
    server = _Server(("127.0.0.1", 0), Request)
    server.site = site = Site(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
