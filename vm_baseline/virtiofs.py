"""Whether this host can give guests its directories, as vm_baseline.volume has them.

Source: QEMU's docs/interop/vhost-user.json, by which programs that serve a device tell of themselves.
"""

import os
import re
from pathlib import Path

from vm_baseline.errors import HypervisorError
from vm_baseline.kernel import Kernel
from vm_baseline.requirements import loadable
from vm_baseline.volume import MODULE

_BACKENDS = (Path("/etc/qemu/vhost-user"), Path("/usr/share/qemu/vhost-user"))
_SERVES_FILES = re.compile(r'"type"\s*:\s*"fs"')


def check(kernel: Kernel) -> None:
    """See that directories can be shared with a guest of that kernel.

    Raises:
        HypervisorError: nothing serves them, or not for an ordinary user.
        KernelError: the kernel lacks the file system.
    """
    if os.geteuid() != 0:
        raise HypervisorError("directories of the host are served to root's machines only", "run with sudo")
    described = (path.read_text() for place in _BACKENDS for path in place.glob("*.json"))
    if not any(_SERVES_FILES.search(text) for text in described):
        raise HypervisorError(
            "there is no virtiofsd, which serves directories of the host", "install its package"
        )
    loadable(kernel, [MODULE])
