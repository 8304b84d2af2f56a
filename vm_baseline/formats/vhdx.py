"""Hyper-V's format."""

from vm_baseline.format import Format

FORMAT = Format("vhdx")
