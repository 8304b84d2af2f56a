"""Kernel modules a guest needs, in the order they must be loaded.

Dependencies are read from each module's own `.modinfo` section, so a tree that depmod has never seen (a
package unpacked but not installed) works too.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from vm_baseline.bzimage import decompress_module
from vm_baseline.errors import KernelError

_MODULE = re.compile(r"(?P<name>.+)\.ko(\.(gz|xz|zst))?")
_DEPENDS = re.compile(rb"\0?depends=([^\0]*)\0")


def resolve(tree: Path, wanted: Iterable[str]) -> list[tuple[str, bytes]]:
    """Name and plain ELF bytes of the wanted modules and all they depend on, each after its dependencies.

    Args:
        tree: a directory such as `/lib/modules/6.1.0`.
        wanted: module names; those built into the kernel (`modules.builtin`) are left out.

    Raises:
        KernelError: a module is neither in the tree nor built in.
    """
    files, builtin = _files(tree), _builtin(tree)
    loaded: dict[str, bytes] = {}

    def visit(name: str) -> None:
        if name in loaded or name in builtin:
            return
        if name not in files:
            raise KernelError(
                f"the kernel module {name} is not in {tree}",
                "take a kernel with virtio, as the distribution's cloud one",
            )
        image = decompress_module(files[name])
        for dependency in _dependencies(image):
            visit(dependency)
        loaded[name] = image

    for name in wanted:
        visit(name)
    return list(loaded.items())


def _dependencies(image: bytes) -> list[str]:
    found = _DEPENDS.search(image)
    return [_normal(name) for name in found[1].decode().split(",") if name] if found else []


def _normal(name: str) -> str:
    return name.replace("-", "_")


def _name(file: str) -> str | None:
    match = _MODULE.fullmatch(file)
    return _normal(match["name"]) if match else None


@lru_cache(maxsize=8)
def _files(tree: Path) -> dict[str, Path]:
    return {name: path for path in tree.rglob("*.ko*") if (name := _name(path.name))}


@lru_cache(maxsize=8)
def _builtin(tree: Path) -> frozenset[str]:
    try:
        lines = (tree / "modules.builtin").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(name for line in lines if (name := _name(line.rsplit("/", 1)[-1])))
