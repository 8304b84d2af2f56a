"""Kernel modules a guest needs, in the order they must be loaded.

Dependencies are read from each module's own `.modinfo` section, so a tree that depmod has never seen (a
package unpacked but not installed) works too.
"""

import re
from collections.abc import Container, Iterable
from functools import lru_cache
from pathlib import Path

from vm_baseline.bzimage import decompress_module
from vm_baseline.errors import KernelError

_MODULE = re.compile(r"(?P<name>.+)\.ko(\.(gz|xz|zst))?")
_DEPENDS = re.compile(rb"\0?depends=([^\0]*)\0")
_SOFT = re.compile(rb"softdep=pre: ([^\0]*?)(?: post:[^\0]*)?\0")


def resolve(tree: Path, wanted: Iterable[str]) -> list[tuple[str, bytes]]:
    """Name and plain ELF bytes of the wanted modules and all they depend on, each after its dependencies.

    Those of softdep (modprobe.d(5)) are taken along where the tree has them: the kernel would have modprobe
    load them when they are needed, as ext4 does with crc32c, and there is none in the guest.

    Args:
        tree: a directory such as `/lib/modules/6.1.0`.
        wanted: module names; those built into the kernel (`modules.builtin`) are left out.

    Raises:
        KernelError: a module is neither in the tree nor built in.
    """
    files, builtin = _files(tree), built_in(tree) or frozenset()
    loaded: dict[str, bytes] = {}

    def visit(name: str) -> None:
        if name in loaded or name in builtin:
            return
        if name not in files:
            raise KernelError(
                f"the kernel module {name} is not in {tree}",
                "install the kernel's package again: its modules aren't all there",
            )
        image = decompress_module(files[name])
        for dependency in (*_dependencies(image), *_soft_dependencies(image, files)):
            visit(dependency)
        loaded[name] = image

    for name in wanted:
        visit(name)
    return list(loaded.items())


def has_module(tree: Path, name: str) -> bool:
    """Whether it can be loaded from there."""
    return name in _files(tree)


def _dependencies(image: bytes) -> list[str]:
    found = _DEPENDS.search(image)
    return [_normal(name) for name in found[1].decode().split(",") if name] if found else []


def _soft_dependencies(image: bytes, files: Container[str]) -> list[str]:
    """An algorithm's name stands for its plain implementation as well (the kernel's crypto/*_generic.c)."""
    names = [_normal(name) for found in _SOFT.finditer(image) for name in found[1].decode().split()]
    candidates = [(name, f"{name}_generic") for name in names]
    return [name for each in candidates for name in each if name in files]


def _normal(name: str) -> str:
    return name.replace("-", "_")


def _name(file: str) -> str | None:
    match = _MODULE.fullmatch(file)
    return _normal(match["name"]) if match else None


@lru_cache(maxsize=8)
def _files(tree: Path) -> dict[str, Path]:
    return {name: path for path in tree.rglob("*.ko*") if (name := _name(path.name))}


@lru_cache(maxsize=8)
def built_in(tree: Path) -> frozenset[str] | None:
    """The modules built into the kernel, or None where that is not on record."""
    try:
        lines = (tree / "modules.builtin").read_text().splitlines()
    except OSError:
        return None
    return frozenset(name for line in lines if (name := _name(line.rsplit("/", 1)[-1])))
