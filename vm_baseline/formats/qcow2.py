"""QEMU's own format: grows as it is written, and can lie above another image."""

from vm_baseline.format import Format

FORMAT = Format("qcow2")
