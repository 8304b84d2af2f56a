"""The disk's bytes as they are; what was never written takes no space where the file system has holes."""

from vm_baseline.format import Format

FORMAT = Format("raw")
