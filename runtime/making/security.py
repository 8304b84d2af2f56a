"""What a container may do: capabilities and security options."""

from collections.abc import Iterable
from dataclasses import dataclass

from runtime import capabilities
from tare.errors import UsageError

_ALL = "CAP_ALL"
_OFF = ("unconfined", "disable")


@dataclass(frozen=True)
class Security:
    """What --security-opt says.

    Args:
        no_new_privileges: whether nothing it runs gains privileges, as by set-user-ID.
        seccomp: empty for the default filter, `unconfined`, or the path of a profile.
        systempaths: whether parts of /proc and /sys are hidden.
    """

    no_new_privileges: bool = False
    seccomp: str = ""
    systempaths: bool = True


def options(texts: Iterable[str]) -> Security:
    """From `no-new-privileges`, `seccomp=…`, `systempaths=unconfined`; `apparmor` and `label` switched off.

    Raises:
        UsageError: an option is unknown, or asks for what isn't here.
    """
    no_new_privileges, seccomp, systempaths = False, "", True
    for text in texts:
        name, separator, value = text.partition("=" if "=" in text else ":")
        if name == "no-new-privileges":
            if value not in ("", "true", "false"):
                raise UsageError(f"--security-opt {text!r} has no meaning", "say true or false")
            no_new_privileges = value != "false"
        elif name == "seccomp" and value:
            seccomp = "" if value == "builtin" else value
        elif name == "systempaths" and value == "unconfined":
            systempaths = False
        elif name in ("apparmor", "label") and separator:
            # Without profiles and labels all are unconfined.
            if value not in _OFF:
                kind = "AppArmor profiles" if name == "apparmor" else "SELinux labels"
                raise UsageError(f"--security-opt {text!r}: {kind} aren't supported", "leave it out")
        else:
            raise UsageError(
                f"unknown --security-opt {text!r}", "use no-new-privileges or seccomp=unconfined|FILE"
            )
    return Security(no_new_privileges, seccomp, systempaths)


def capability_set(add: Iterable[str], drop: Iterable[str], *, privileged: bool = False) -> frozenset[str]:
    """The default capabilities with those added and without those dropped; see capabilities(7).

    Args:
        add: names with or without CAP_, or ALL; likewise `drop`.
        drop: what is in both is added, unless all are added.
        privileged: whether to begin with all of them, as far as we have them ourselves.

    Raises:
        UsageError: no such capability.
    """
    added, taken = _names(add), _names(drop)
    if privileged or _ALL in added:
        return capabilities.ours() - taken
    begun = frozenset() if _ALL in taken else capabilities.DEFAULT - taken
    return begun | added


def _names(texts: Iterable[str]) -> frozenset[str]:
    names = frozenset(f"CAP_{text.upper().removeprefix('CAP_')}" for text in texts)
    capabilities.mask(names - {_ALL})
    return names
