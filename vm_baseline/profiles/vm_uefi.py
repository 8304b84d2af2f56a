"""The same whole Debian as of vm-full, started by UEFI."""

from dataclasses import replace

from vm_baseline.profile import Firmware
from vm_baseline.profiles import vm_full

PROFILE = replace(vm_full.PROFILE, name="vm-uefi", firmware=Firmware.UEFI)
