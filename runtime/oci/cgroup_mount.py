"""Planning a mount of type `cgroup`, which shows the container its own groups and no others."""

from __future__ import annotations

from runtime import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runtime.cgroups.manager import Manager
    from runtime.steps.base import Step

_RDONLY = syscalls.MOUNT_ATTR_RDONLY


def steps(groups: Manager, target: str, parsed: Mapping[str, Any], *, has_namespace: bool) -> list[Step]:
    """The steps of one such mount.

    Args:
        groups: the container's.
        target: path inside the root.
        parsed: its options, as mount_options.parse has them.
        has_namespace: whether the container has a cgroup namespace, which a fresh mount then shows.
    """
    attributes = parsed["set"] | parsed["rec_set"]
    if groups.version != 1:
        if has_namespace or not groups.unified:
            return [("attach", target, "cgroup2", (), attributes, parsed["propagation"], False)]
        return [_bind(groups.unified, target, attributes)]
    hierarchies, links = groups.shown
    planned: list[Step] = [
        ("attach", target, "tmpfs", (("mode", "755"),), attributes & ~_RDONLY, parsed["propagation"], False)
    ]
    for name, option, path in hierarchies:
        below = f"{target}/{name}"
        if has_namespace:
            named = [("none", None), tuple(option.split("=", 1))] if "=" in option else []
            options = named or [(controller, None) for controller in option.split(",")]
            planned.append(("attach", below, "cgroup", options, attributes, (), False))
        else:
            planned.append(_bind(path, below, attributes))
    planned.append(("links", target, links))
    if attributes & _RDONLY:
        planned.append(("protect", target))
    return planned


def _bind(source: str, target: str, attributes: int) -> Step:
    return ("bind_tree", source, target, True, (0, 0), (attributes, 0), (), -1)
