"""What a registry that fails or lies answers about a blob."""

from collections.abc import Callable

from registry.registry_hostile import Request, Site

from runtime.image.content import Content
from runtime.image.model import Descriptor
from runtime.image.registry import Session
from runtime.image.registry_config import Registries
from runtime.image.registry_credentials import Credentials
from runtime.image.registry_http import Patience
from runtime.image.transfer import Pulled, pull

PATIENT = Patience(connect=5, silence=0.3, attempts=3, first_wait=0.01, longest_wait=0.2)


def path(blob: Descriptor) -> str:
    return f"/v2/app/blobs/{blob.digest}"


def pull_app(site: Site, content: Content, patience: Patience = PATIENT) -> Pulled:
    with Session(Registries(), patience, credentials=lambda _: Credentials("alice", "secret")) as session:
        return pull(session, site.host, "app", "1", content)


def answer_range(data: bytes) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        status = 206 if "Range" in request.headers else 200
        span = f"bytes {start}-{len(data) - 1}/{len(data)}"
        request.reply(status, data[start:], Content_Range=span)

    return answer


def cut_after(data: bytes, size: int) -> Callable[[Request], None]:
    """Promise all of it, send the beginning."""

    def answer(request: Request) -> None:
        request.begin(200, Content_Length=str(len(data)))
        request.wfile.write(data[:size])
        request.cut()

    return answer


def stall_after(data: bytes, size: int) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        request.begin(200, Content_Length=str(len(data)))
        request.wfile.write(data[:size])
        request.stall()

    return answer


def drip(data: bytes) -> Callable[[Request], None]:
    """A byte at a time, often enough that the connection is never silent."""

    def answer(request: Request) -> None:
        request.begin(200, Content_Length=str(len(data)))
        for byte in data:
            request.wfile.write(bytes([byte]))
            if request.server.site.over.wait(0.05):
                return

    return answer


def lie_longer(data: bytes) -> Callable[[Request], None]:
    return lambda request: request.reply(200, data + b"more")


def lie_shorter(data: bytes) -> Callable[[Request], None]:
    return lambda request: request.reply(200, data[:-1])


def lie_content(data: bytes) -> Callable[[Request], None]:
    return lambda request: request.reply(200, bytes(len(data)))


def lie_range(data: bytes) -> Callable[[Request], None]:
    return lambda request: request.reply(206, data, Content_Range=f"bytes 7-{len(data) + 6}/{len(data) + 7}")


def endless(data: bytes) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        request.begin(200, Connection="close")
        for _ in range(100):
            request.wfile.write(data)
        request.cut()

    return answer


def ends_early(data: bytes) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        request.begin(200, Connection="close")
        request.wfile.write(data[:1000])
        request.cut()

    return answer


def no_http(data: bytes) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        request.wfile.write(b"\0\xff\x1b[31m no HTTP at all\r\n\r\n")
        request.cut()

    return answer


def bad_chunks(data: bytes) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        request.begin(200, Transfer_Encoding="chunked")
        request.wfile.write(b"zzz\r\nhello\r\n")
        request.cut()

    return answer


def refuse(data: bytes) -> Callable[[Request], None]:
    body = b'{"errors": [{"code": "DENIED", "message": "not \\u001b[2J you\\nor me"}]}'
    return lambda request: request.reply(403, body)


def long_refusal(data: bytes) -> Callable[[Request], None]:
    return lambda request: request.reply(400, b"x" * 10_000_000)


def dripping(data: bytes) -> Callable[[Request], None]:
    return drip(data)
