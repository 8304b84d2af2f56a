"""VMware's format, as one growing file."""

from vm_baseline.format import Format

FORMAT = Format("vmdk", ("subformat=monolithicSparse",))
