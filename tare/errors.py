"""The errors a person sees: one line that says what failed, on what, and what to do."""


class ExitCode:
    """Exit codes of all Tarebench command lines; 126, 127 and 128+n follow the shell's convention.

    Plain numbers, as the import of `enum` would be a third of a container's start.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    IMAGE = 3
    KERNEL = 4
    HYPERVISOR = 5
    CGROUP = 6
    NOT_READY = 7
    NO_SUBJECT = 8
    RESULTS = 9
    PRIVILEGE = 10
    NETWORK = 11
    ENGINE = 125
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130


class TareError(Exception):
    """A fault with its cause and its remedy.

    Args:
        what: what failed and on what, as a clause without a full stop.
        hint: what the person can do about it, as a clause; may be empty.
    """

    exit_code: int = ExitCode.FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}; {self.hint}" if self.hint else self.what


class UsageError(TareError):
    """A value given by a person has no meaning here."""

    exit_code = ExitCode.USAGE


class ImageError(TareError):
    """An image is missing or can't be read."""

    exit_code = ExitCode.IMAGE


class PrivilegeError(TareError):
    """The caller may not do this on this host."""

    exit_code = ExitCode.PRIVILEGE


class NetworkError(TareError):
    """A link, bridge or address could not be made."""

    exit_code = ExitCode.NETWORK
