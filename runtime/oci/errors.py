"""The errors of the OCI runtime command line."""

from __future__ import annotations

from tare.errors import TareError


class OciError(TareError):
    """The operation can't be done as the OCI runtime specification has it."""


class ConfigError(TareError):
    """config.json, or a process description, is not what the specification asks for."""


class HookError(TareError):
    """A hook failed or took longer than its timeout."""
