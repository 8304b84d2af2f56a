"""The host's time stamp counter frequency, which an emulated guest has to be told.

QEMU's microvm machine has no timer against which Linux could calibrate the counter reliably: on a busy host
the attempt fails now and then, and the guest hangs. Without hardware acceleration the guest reads the host's
counter. Sources: perf_event_open(2), fields cap_user_time, time_shift and time_mult of the mapped page;
proc(5), cpuinfo.
"""

import ctypes
import mmap
import os
import platform
import re
import struct
from pathlib import Path

_SYS_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}.get(platform.machine(), -1)
_TYPE_SOFTWARE, _COUNT_DUMMY = 1, 9
_ATTRIBUTE_SIZE = 112
_EXCLUDE_KERNEL_AND_HYPERVISOR = 0b1100000
_FLAG_CLOEXEC = 8
_CAPABILITIES_OFFSET, _CAP_USER_TIME = 40, 1 << 3
_SHIFT_OFFSET = 50


def frequency_khz() -> int | None:
    """The counter's frequency in kHz, or None where the host's kernel doesn't tell."""
    return _from_perf() or _from_cpuinfo()


def _from_perf() -> int | None:
    fields = (_TYPE_SOFTWARE, _ATTRIBUTE_SIZE, _COUNT_DUMMY, 0, 0, 0, _EXCLUDE_KERNEL_AND_HYPERVISOR)
    attribute = ctypes.create_string_buffer(struct.pack("<IIQQQQQ", *fields), _ATTRIBUTE_SIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.syscall(_SYS_PERF_EVENT_OPEN, attribute, 0, -1, -1, _FLAG_CLOEXEC))
    if descriptor < 0:
        return None
    try:
        with mmap.mmap(descriptor, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ) as page:
            (capabilities,) = struct.unpack_from("<Q", page, _CAPABILITIES_OFFSET)
            shift, multiplier = struct.unpack_from("<HI", page, _SHIFT_OFFSET)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if not capabilities & _CAP_USER_TIME or not multiplier:
        return None
    return round(1_000_000 * (1 << int(shift)) / int(multiplier))


def _from_cpuinfo() -> int | None:
    """Inside a virtual machine without frequency scaling, `cpu MHz` is the counter's frequency."""
    if Path("/sys/devices/system/cpu/cpu0/cpufreq").exists():
        return None
    about = Path("/proc/cpuinfo").read_text()
    megahertz = re.search(r"^cpu MHz\s*: ([\d.]+)$", about, re.MULTILINE)
    if megahertz is None or not re.search(r"^flags\s*:.*\bhypervisor\b", about, re.MULTILINE):
        return None
    return round(float(megahertz[1]) * 1000)
