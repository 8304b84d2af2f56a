"""`tarebox login`: keeps credentials for a registry."""

import argparse
import sys

from tare.errors import UsageError
from tare.state import State

SUMMARY = "keep a user's name and password for a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-u", "--username", metavar="NAME", default="", help="asked for if not given")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument(
        "-p", "--password", metavar="TEXT", help="others on this host see it; rather leave it out"
    )
    secret.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument(
        "host", metavar="HOST[:PORT]", nargs="?", default="", help="the default one if not given"
    )


def run(options: argparse.Namespace, _: State) -> int:
    """Log in."""
    from runtime.image.registry_config import Registries
    from runtime.image.registry_credentials import Credentials
    from runtime.image.registry_login import log_in

    registries = Registries.load()
    host = options.host or registries.default
    if not host:
        raise UsageError("there is no default registry", "name a registry's host")
    if options.password_stdin and not options.username:
        raise UsageError("a password from standard input needs a user", "name the user with --username")
    user = options.username or _asked(f"Username for {host}: ")
    log_in(host, Credentials(user, _password(options)), registries)
    print("Login Succeeded")
    return 0


def _password(options: argparse.Namespace) -> str:
    from runtime.commandline.messages import warn

    if options.password_stdin:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif options.password is not None:
        warn("others on this host see a password on the command line; use --password-stdin")
        password = options.password
    else:
        from getpass import getpass

        password = getpass("Password: ") if _is_asked() else ""
    if not password:
        raise UsageError("no password is given", "use --password-stdin")
    return password


def _asked(prompt: str) -> str:
    name = input(prompt).strip() if _is_asked() else ""
    if not name:
        raise UsageError("no user is named", "use --username")
    return name


def _is_asked() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", "use --username and --password-stdin")
    return True
