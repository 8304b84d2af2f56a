"""Imports what our commands need of the standard library from one file, as runtime.oci.modules does our own.

Finding and opening sixty modules takes as long as executing them. The file is written while the package is
installed; what was changed since, as by an upgrade of the interpreter, is imported as usual.
"""

import marshal
import mmap
import sys

from runtime.oci.modules import Modules


def install(path: str) -> None:
    """Have modules come from a file; without the file they are imported as usual."""
    try:
        with open(path, "rb", 0) as file:  # noqa: PTH123 - pathlib isn't there yet
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        index = marshal.loads(data)
    except (OSError, ValueError, EOFError):
        # None, or one that was cut short.
        return
    sys.meta_path.insert(1, Modules("", index, data))  # type: ignore[arg-type]
