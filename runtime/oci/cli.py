"""`tarebox-oci`: the command line of an OCI runtime, with runc's commands and flags.

A command's module is imported when it is called, as imports are most of what a command costs.
"""

from __future__ import annotations

import os
import sys

from runtime.oci import arguments
from runtime.oci.errors import OciError
from tare.errors import TareError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

COMMANDS = {
    "create": "make a container from a bundle, up to before its command runs",
    "start": "run the command of a created container",
    "run": "create and start a container, and wait for its end",
    "exec": "run another command in a running container",
    "kill": "send a signal to a container",
    "delete": "remove what is left of a stopped container",
    "state": "print the state of a container",
    "list": "list the containers of this root",
    "ps": "list the processes of a container",
    "pause": "freeze all processes of a container",
    "resume": "thaw the processes of a paused container",
    "update": "change the resource limits of a container",
    "events": "print statistics and out-of-memory events of a container",
    "stats": "print the statistics of a container once",
    "features": "print what this runtime supports",
    "spec": "write a config.json to begin with",
}
_ENTERING = frozenset(("create", "exec", "run"))
"""Commands with a process that enters a container."""
_USAGE = """\
usage: tarebox-oci [options] COMMAND [arguments]

options:
  --root DIR            where containers are kept (default {root})
  --log FILE            where errors and warnings are written as well
  --log-format FORMAT   text or json
  --debug               log more
  --systemd-cgroup      leave control groups to systemd
  --version             print the version of the runtime and of the specification
  --help                print this

commands:
{commands}
"""


class Options:
    """The options before the command.

    Attributes:
        root: directory of all containers.
        log: path of the log file, may be empty.
        log_format: `text` or `json`.
        debug: whether to log more.
        systemd_cgroup: whether systemd makes the control groups.
    """

    __slots__ = ("debug", "log", "log_format", "root", "systemd_cgroup")

    def __init__(self) -> None:
        self.root = ""
        self.log = ""
        self.log_format = "text"
        self.debug = False
        self.systemd_cgroup = False

    def warn(self, text: str) -> None:
        """Log a warning, or print it where there is no log."""
        self._write("warning", text)
        if not self.log:
            sys.stderr.write(f"tarebox-oci: warning: {text}\n")

    def fail(self, text: str) -> None:
        """Log an error and print it for a person."""
        self._write("error", text)
        sys.stderr.write(f"tarebox-oci: {text}\n")

    def _write(self, level: str, text: str) -> None:
        if not self.log:
            return
        from runtime.oci import log

        log.append(self.log, self.log_format, level, text)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command of the arguments, this process's own when None, and end with its exit status."""
    options = Options()
    try:
        status = _command(options, sys.argv[1:] if argv is None else argv)
    except TareError as error:
        options.fail(str(error))
        status = error.exit_code
    except OSError as error:
        options.fail(
            f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror or error)
        )
        status = 1
    except KeyboardInterrupt:
        status = 130
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # The interpreter's own farewell takes a millisecond and frees what the kernel frees anyway.
        os._exit(status)


def _command(options: Options, argv: list[str]) -> int:
    found, rest = arguments.parse(
        argv,
        values={"root": "root", "log": "log", "log-format": "log_format", "rootless": "rootless"},
        flags={
            "debug": "debug",
            "systemd-cgroup": "systemd_cgroup",
            "version": "version",
            "v": "version",
            "help": "help",
            "h": "help",
        },
        stops=True,
    )
    options.root = found.get("root") or default_root()
    options.log = found.get("log", "")
    options.log_format = found.get("log_format", "text")
    options.debug = found.get("debug", False)
    options.systemd_cgroup = found.get("systemd_cgroup", False)
    if options.log_format not in {"text", "json"}:
        raise OciError(f"unknown log format {options.log_format!r}", "use text or json")
    if found.get("version"):
        from runtime.oci.version import text

        sys.stdout.write(text())
        return 0
    if found.get("help") or not rest or rest[0] == "help":
        commands = "\n".join(f"  {name:<9} {what}" for name, what in COMMANDS.items())
        sys.stdout.write(_USAGE.format(root=default_root(), commands=commands))
        return 0 if found.get("help") or rest else 1
    name, *following = rest
    if name not in COMMANDS:
        raise OciError(f"unknown command {name!r}", "see tarebox-oci --help")
    if following in (["--help"], ["-h"]):
        sys.stdout.write(f"tarebox-oci {name}: {COMMANDS[name]}\n")
        return 0
    if name in _ENTERING:
        from runtime.oci import sealed

        sealed.reexec()
    module = __import__(f"runtime.oci.commands.{name}", fromlist=("run",))
    status: int = module.run(options, following)
    return status


def default_root() -> str:
    """Where containers are kept unless --root says otherwise."""
    if os.geteuid() == 0:
        return "/run/tarebox-oci"
    return os.environ.get("XDG_RUNTIME_DIR", f"/tmp/tarebox-oci-{os.geteuid()}") + "/tarebox-oci"


if __name__ == "__main__":
    main()
