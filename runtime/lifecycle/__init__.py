"""Containers that outlive the process that starts them: on disk, a monitor each, without a daemon."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.lifecycle.containers import Containers as Containers
    from runtime.lifecycle.settings import HealthCheck as HealthCheck
    from runtime.lifecycle.settings import LogOptions as LogOptions
    from runtime.lifecycle.settings import Mount as Mount
    from runtime.lifecycle.settings import Networking as Networking
    from runtime.lifecycle.settings import RestartPolicy as RestartPolicy
    from runtime.lifecycle.settings import Settings as Settings

_HOMES = {
    "Containers": "containers",
    **dict.fromkeys(
        ("HealthCheck", "LogOptions", "Mount", "Networking", "RestartPolicy", "Settings"), "settings"
    ),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'runtime.lifecycle' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"runtime.lifecycle.{_HOMES[name]}"), name)
