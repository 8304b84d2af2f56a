"""Who asks: Basic (RFC 7617) and tokens (distribution's token authentication specification)."""

import json
import re
import threading
from base64 import b64encode
from collections.abc import Callable

from runtime.image.registry_challenge import Challenge, parse_challenges
from runtime.image.registry_config import Host
from runtime.image.registry_credentials import Credentials
from runtime.image.registry_errors import Denied, RegistryError
from runtime.image.registry_http import Transport

_LIMIT = 1 << 20
_TOKEN = re.compile(r"[\x21-\x7e]+")
_CLIENT = "tarebench"


class Authorization:
    """Authorization for some actions at one host; for several threads.

    Args:
        transport: for the requests to the token server.
        host: whose challenges are answered.
        scopes: as `repository:library/busybox:pull,push`.
        credentials: gives those for a host, or None; asked only when the registry wants any.
    """

    def __init__(
        self,
        transport: Transport,
        host: Host,
        scopes: tuple[str, ...],
        credentials: Callable[[str], Credentials | None],
    ) -> None:
        self._transport = transport
        self._host = host
        self._scopes = scopes
        self._credentials = credentials
        self._lock = threading.Lock()
        self._header: str | None = None

    def header(self) -> str | None:
        """The value of Authorization, if one is needed as far as is known."""
        return self._header

    def challenged(self, challenge: str, refused: str | None) -> bool:
        """Answer a header WWW-Authenticate; whether there is another Authorization than the refused one.

        Raises:
            RegistryError: the token server failed or refused.
        """
        with self._lock:
            if self._header != refused:
                return True
            self._header = self._answer(parse_challenges(challenge))
            return self._header not in (None, refused)

    def _answer(self, challenges: tuple[Challenge, ...]) -> str | None:
        by_scheme = {challenge.scheme: challenge for challenge in challenges}
        credentials = self._credentials(self._host.name)
        if bearer := by_scheme.get("bearer"):
            return f"Bearer {self._token(bearer, credentials)}"
        if "basic" in by_scheme and credentials and credentials.user:
            return _basic(credentials)
        return None

    def _token(self, challenge: Challenge, credentials: Credentials | None) -> str:
        from urllib.parse import urlencode

        realm = self._transport.target(self._host.url, challenge.parameters.get("realm"))
        if realm.startswith("http:") and not self._host.insecure:
            raise RegistryError(f"{self._host.name} wants credentials sent without TLS")
        fields = [("service", challenge.parameters.get("service", ""))]
        if credentials and credentials.identity:
            scopes = " ".join(self._scopes)
            fields += [("scope", scopes), ("grant_type", "refresh_token"), ("client_id", _CLIENT)]
            form = urlencode([*fields, ("refresh_token", credentials.identity)]).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._ask("POST", realm, headers, form)
        query = urlencode([*fields, *(("scope", scope) for scope in self._scopes)])
        headers = {"Authorization": _basic(credentials)} if credentials and credentials.user else {}
        return self._ask("GET", f"{realm}{'&' if '?' in realm else '?'}{query}", headers, None)

    def _ask(self, method: str, url: str, headers: dict[str, str], form: bytes | None) -> str:
        body = None if form is None else lambda: form
        try:
            with self._transport.open(method, url, headers=headers, body=body) as response:
                answer = json.loads(self._transport.document(response, _LIMIT))
            token = answer.get("token") or answer.get("access_token")
        except Denied as error:
            hint = f"log in with `tarebox login {self._host.name}`"
            raise Denied(
                f"{self._host.name} gives no access to {self._wanted}: {error.what}", hint
            ) from error
        except (ValueError, AttributeError, RecursionError) as error:
            raise RegistryError(f"the token server of {self._host.name} sent no JSON object") from error
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise RegistryError(f"the token server of {self._host.name} sent no token")
        return token

    @property
    def _wanted(self) -> str:
        return ", ".join(scope.split(":")[1] for scope in self._scopes)


def _basic(credentials: Credentials) -> str:
    packed = b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
    return f"Basic {packed}"
