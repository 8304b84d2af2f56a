"""The container: kernel facilities, launcher, images.

Names are loaded when first used, so that the launcher and the command line import only what they need. The
functions `clean` and `doctor` are in the modules of that name.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.bundle import write_bundle as write_bundle
    from runtime.container import Container as Container
    from runtime.engine import Engine as Engine
    from runtime.rootfs import bootstrap_busybox as bootstrap_busybox
    from runtime.rootfs import flatten as flatten
    from runtime.spec import Bind as Bind
    from runtime.spec import ContainerSpec as ContainerSpec
    from runtime.spec import IdMapping as IdMapping
    from runtime.spec import Interface as Interface
    from runtime.spec import Limits as Limits
    from runtime.spec import Namespace as Namespace
    from runtime.spec import Rlimit as Rlimit

_HOMES = {
    "Container": "container",
    "Engine": "engine",
    "bootstrap_busybox": "rootfs",
    "flatten": "rootfs",
    "write_bundle": "bundle",
    **dict.fromkeys(
        ("Bind", "ContainerSpec", "IdMapping", "Interface", "Limits", "Namespace", "Rlimit"),
        "spec",
    ),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'runtime' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"runtime.{_HOMES[name]}"), name)
