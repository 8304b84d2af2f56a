"""A token server for docker-registry (distribution documentation, "Token Authentication Specification")."""

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SERVICE = "a registry"
REFRESH = "an identity token"


class TokenServer:
    """Signs tokens for who knows the password; what was asked of it is in `asked`."""

    def __init__(self, directory: Path, user: str, password: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate, self._key = make_certificate(directory)
        self._expected = f"Basic {_base64(f'{user}:{password}'.encode())}"
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.lifetime = 300.0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self, parse_qs(urlsplit(self.path).query))

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                owner.answer(self, parse_qs(self.rfile.read(size).decode()))

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def settings(self) -> dict[str, object]:
        """Of docker-registry."""
        realm = f"http://127.0.0.1:{self.server.server_port}/token"
        return {
            "token": {
                "realm": realm,
                "service": SERVICE,
                "issuer": "the test",
                "rootcertbundle": str(self.certificate),
            }
        }

    def answer(self, request: BaseHTTPRequestHandler, fields: dict[str, list[str]]) -> None:
        sent = request.headers.get("Authorization", "")
        self.asked.append((request.command, fields, sent))
        known = sent == self._expected or fields.get("refresh_token") == [REFRESH]
        asked = [scope for entry in fields.get("scope", []) for scope in entry.split()]
        parts = [scope.split(":") for scope in asked]
        # Anybody may pull what is public.
        access = [
            {"type": kind, "name": name, "actions": actions.split(",") if known else ["pull"]}
            for kind, name, actions in parts
            if known or name.startswith("public/")
        ]
        if sent and not known:
            return self._send(
                request, 401, {"errors": [{"code": "DENIED", "message": "wrong\x1b[31m password"}]}
            )
        name = "access_token" if request.command == "POST" else "token"
        return self._send(request, 200, {name: self._sign(access), "expires_in": self.lifetime})

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, answer: object) -> None:
        data = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _sign(self, access: list[dict[str, object]]) -> str:
        pem = self.certificate.read_text()
        chain = "".join(pem.split("-----")[2].split())
        now = time.time()
        claims = {
            "iss": "the test",
            "aud": SERVICE,
            "sub": "",
            "jti": "1",
            "iat": int(now) - 5,
            "nbf": int(now) - 5,
            "exp": int(now + self.lifetime),
            "access": access,
        }
        header = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self._key)]
        signature = subprocess.run(command, input=signed.encode(), capture_output=True, check=True).stdout
        return f"{signed}.{_base64url(signature)}"


@contextmanager
def token_server(directory: Path, user: str, password: str) -> Iterator[TokenServer]:
    served = TokenServer(directory, user, password)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join()
        served.server.server_close()


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return certificate, key


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
