"""An image run to its end in one call, with nothing left behind: what `Engine.run` does."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime.image.layers import unpack_layers
from runtime.image.store import ImageStore
from runtime.making import RunOptions, settings
from runtime.network import mode
from runtime.network.model import Connection
from runtime.network.networks import Networks
from runtime.spec import Bind, ContainerSpec, Limits, Namespace
from runtime.storage import registry, skeleton
from tare.errors import UsageError
from tare.state import State

if TYPE_CHECKING:
    from runtime.engine import Engine

_Stdio = Sequence[int | None]


class Runs:
    """Runs the images of a state, any number at a time.

    Args:
        engine: starts them.
        state: where images, layers and networks are.
    """

    def __init__(self, engine: "Engine", state: State) -> None:
        self._engine = engine
        self._state = state
        self._images = ImageStore(state)
        self._driver = registry.driver(state)
        self._networks = Networks(state)

    def run(
        self,
        image: str,
        argv: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        user: str = "",
        workdir: str = "",
        hostname: str = "",
        limits: Limits = Limits(),  # noqa: B008 - frozen
        network: str = mode.BRIDGE,
        binds: Sequence[Bind] = (),
        read_only: bool = False,
        stdio: _Stdio = (None, None, None),
        timeout: float | None = None,
    ) -> int:
        """Run an image's command, or another, in a new container, and remove that; returns its exit status.

        Args:
            image: a name in the store, an id or its beginning.
            argv: the command, or the arguments of the image's entry point; the image's command when empty.
            env: added to the image's environment.
            user: `user[:group]`, names of the image or numbers; the image's when empty.
            workdir: the image's when empty.
            hostname: the container's short id when empty.
            limits: on memory, processors and processes.
            network: `bridge`, `host`, `none` or a network's name.
            binds: paths of the host.
            read_only: whether the root is.
            stdio: descriptors of standard input, output and error, this process's own for None.
            timeout: seconds after which the container is killed.

        Raises:
            TimeoutError: it was killed.
            TareError: it could not be started.
        """
        found = self._images.get(image)
        chain = unpack_layers(self._images.content, found, self._driver)
        if chain is None:
            raise UsageError(f"the image {image} has no files", "choose another one")
        root = self._driver.image(chain)
        options = RunOptions(
            image=image,
            argv=tuple(argv),
            env=tuple(f"{name}={value}" for name, value in (env or {}).items()),
            user=user,
            workdir=workdir,
            limits=limits,
            read_only=read_only,
        )
        identity = os.urandom(32).hex()
        spec = skeleton.apply(self._state, root, settings(found, options, layers=root.lowers).spec)
        hostname = hostname or identity[:12]
        spec = replace(spec, hostname=hostname, binds=tuple(binds), env={"HOSTNAME": hostname, **spec.env})
        wanted = mode.parse(network)
        if wanted.kind == mode.BRIDGE:
            return self._on_network(spec, identity, wanted.target, stdio, timeout)
        if wanted.kind == mode.CONTAINER:
            raise UsageError(f"can't join {wanted.target}'s network here", "use Containers.run")
        if wanted.kind == mode.HOST:
            spec = replace(spec, namespaces=spec.namespaces - {Namespace.NET})
        return self._ended(spec, stdio, timeout)

    def _on_network(
        self, spec: ContainerSpec, identity: str, network: str, stdio: _Stdio, timeout: float | None
    ) -> int:
        sandbox = self._networks.attach(identity, (Connection(network),), hostname=spec.hostname)
        try:
            interface = self._networks.interface(sandbox)
            spec = replace(spec, interface=interface, binds=(*sandbox.binds, *spec.binds))
            return self._ended(spec, stdio, timeout)
        finally:
            self._networks.release(identity)

    def _ended(self, spec: ContainerSpec, stdio: _Stdio, timeout: float | None) -> int:
        stdin, stdout, stderr = stdio
        container = self._engine.start(spec, stdin=stdin, stdout=stdout, stderr=stderr)
        try:
            return container.wait(timeout)
        finally:
            container.remove()
