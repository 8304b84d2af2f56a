"""VirtualBox's format."""

from vm_baseline.format import Format

FORMAT = Format("vdi")
