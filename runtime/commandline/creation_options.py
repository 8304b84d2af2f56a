"""The options of `run` and `create`, as Docker spells them."""

import argparse

from runtime.commandline import limit_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them but what is only about the foreground, and the image with its command."""
    _general(parser)
    _process(parser)
    limit_options.add_arguments(parser)
    _further_limits(parser)
    _privileges(parser)
    _mounts(parser)
    _network(parser)
    _health(parser)
    parser.add_argument("image", metavar="IMAGE", help="an image, or a root filesystem directory (with a /)")
    parser.add_argument("argv", metavar="COMMAND", nargs=argparse.REMAINDER, help="in place of the image's")


def _general(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--name", metavar="NAME", default="", help="what it is called")
    add("-l", "--label", metavar="NAME[=VALUE]", action="append", default=[], help="free text about it")
    add("--label-file", metavar="FILE", action="append", default=[], help="labels, one a line")
    add("--cidfile", metavar="FILE", default="", help="file that gets its id")
    add("--rm", action="store_true", help="remove it at its end")
    add("--restart", metavar="POLICY", default="no", help="no, on-failure[:N], always or unless-stopped")
    add("--stop-signal", metavar="SIGNAL", help="what asks it to end")
    add("--stop-timeout", metavar="SECONDS", type=int, help="how long it has for that")
    add("--log-driver", metavar="DRIVER", default="json-file", help="json-file, or none to keep no output")
    add("--log-opt", metavar="NAME=VALUE", action="append", default=[], help="max-size or max-file")
    add("--pull", choices=["always", "missing", "never"], default="missing", help="whether to pull the image")
    add("--platform", metavar="OS/ARCH", default="", help="which variant of the image")
    add("-q", "--quiet", action="store_true", help="show no progress of pulling")
    add("--rootfs", action="store_true", help="IMAGE is a root filesystem directory")


def _process(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("process").add_argument
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="a variable")
    add("--env-file", metavar="FILE", action="append", default=[], help="variables, one a line")
    add("-w", "--workdir", metavar="DIR", default="", help="working directory")
    add("-u", "--user", metavar="USER[:GROUP]", default="", help="ids, or names of the image")
    add("--group-add", metavar="GROUP", action="append", default=[], help="one more group")
    add("--entrypoint", metavar="COMMAND", help="in place of the image's")
    add("-t", "--tty", action="store_true", help="give it a terminal")
    add("-i", "--interactive", action="store_true", help="let it have our input")
    add("--init", action="store_true", help="have a small process 1 that reaps orphans")
    add("-h", "--hostname", metavar="NAME", default="", help="its host name")
    add("--domainname", metavar="NAME", default="", help=argparse.SUPPRESS)


def _further_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("further limits").add_argument
    for kind in ("read", "write"):
        add(
            f"--device-{kind}-bps",
            metavar="PATH:RATE",
            action="append",
            default=[],
            help=f"bytes to {kind} a second",
        )
        add(
            f"--device-{kind}-iops",
            metavar="PATH:RATE",
            action="append",
            default=[],
            help=f"{kind}s a second",
        )
    add("--memory-swappiness", metavar="N", type=int, help="0 to 100, how readily it is swapped out")
    add("--oom-kill-disable", action="store_true", help="have it wait for memory (control groups version 1)")
    add("--oom-score-adj", metavar="N", type=int, help="-1000 to 1000, how readily it is killed")
    add("--ulimit", metavar="NAME=SOFT[:HARD]", action="append", default=[], help="limit of each process")
    add("--shm-size", metavar="SIZE", default="", help="of /dev/shm")
    add("--sysctl", metavar="NAME=VALUE", action="append", default=[], help="kernel parameter of its own")


def _privileges(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("privileges").add_argument
    add("--cap-add", metavar="NAME", action="append", default=[], help="one more capability, or ALL")
    add("--cap-drop", metavar="NAME", action="append", default=[], help="one capability less, or ALL")
    add(
        "--security-opt",
        metavar="OPTION",
        action="append",
        default=[],
        help="no-new-privileges, seccomp=FILE",
    )
    add("--no-seccomp", action="store_true", help="the same as --security-opt seccomp=unconfined")
    add("--privileged", action="store_true", help="all capabilities and devices, nothing filtered or hidden")
    add("--device", metavar="PATH", action="append", default=[], help="a device of the host")
    add(
        "--device-cgroup-rule",
        metavar="RULE",
        action="append",
        default=[],
        help="devices it may use, such as 'c 10:229 rwm'",
    )
    add("--read-only", action="store_true", help="make the root read-only")
    add("--pid", metavar="MODE", default="", help="host or container:NAME")
    add("--ipc", metavar="MODE", default="", help="host, private or container:NAME")
    add("--uts", metavar="MODE", default="", help="host")
    add("--userns", metavar="MODE", default="", help="host")
    add("--cgroupns", choices=["host", "private"], default="private", help="host or private")


def _mounts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("mounts").add_argument
    add(
        "-v", "--volume", metavar="[SOURCE:]TARGET[:ro]", action="append", default=[], help="a volume or path"
    )
    add("--mount", metavar="KEY=VALUE,…", action="append", default=[], help="the same in full")
    add("--tmpfs", metavar="TARGET[:OPTIONS]", action="append", default=[], help="a filesystem in memory")
    add("--volumes-from", metavar="NAME[:ro]", action="append", default=[], help="mounts of a container")
    add("--in-memory", action="store_true", help="keep what is written to the root in memory")


def _network(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("network").add_argument
    add(
        "--network",
        "--net",
        metavar="NETWORK",
        action="append",
        default=[],
        help="or host, none, container:NAME",
    )
    add("-p", "--publish", metavar="[HOST:]PORT", action="append", default=[], help="a port for the host")
    add("-P", "--publish-all", action="store_true", help="publish what is exposed on free ports")
    add("--expose", metavar="PORT", action="append", default=[], help="a port it listens on")
    add("--network-alias", "--net-alias", metavar="NAME", action="append", default=[], help="one more name")
    add("--ip", metavar="ADDRESS", default="", help="its IPv4 address")
    add("--ip6", metavar="ADDRESS", default="", help="its IPv6 address")
    add("--mac-address", metavar="MAC", default="", help="its hardware address")
    add("--dns", metavar="ADDRESS", action="append", default=[], help="a resolver")
    add("--dns-search", metavar="DOMAIN", action="append", default=[], help="a domain that is searched")
    add("--dns-option", "--dns-opt", metavar="OPTION", action="append", default=[], help="see resolv.conf(5)")
    add("--add-host", metavar="NAME:ADDRESS", action="append", default=[], help="a line of /etc/hosts")


def _health(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("health check").add_argument
    add("--health-cmd", metavar="COMMAND", help="says by its status whether it is well")
    for name, text in (
        ("interval", "between two checks"),
        ("timeout", "for one check"),
        ("start-period", "in which failures don't count"),
    ):
        add(f"--health-{name}", metavar="TIME", help=f"time {text}, such as 10s")
    add("--health-retries", metavar="N", type=int, help="failures in a row")
    add("--no-healthcheck", action="store_true", help="leave the image's out")
