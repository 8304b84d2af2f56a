"""`tarebox version`: what runs here."""

import argparse

from tare.state import State

ON_HOST = True
SUMMARY = "print the versions of tarebox and what it runs on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-f", "--format", metavar="FORMAT", default="", help="json or a template")


def run(options: argparse.Namespace, _: State) -> int:
    """Print them."""
    import os
    import sys
    from importlib import metadata

    from runtime.commandline.formats import plain
    from runtime.commandline.template import Template
    from runtime.commandline.template_functions import to_json
    from runtime.image.platform import Platform
    from runtime.oci.record import VERSION

    host = Platform.host()
    known = {
        "Version": metadata.version("tarebench"),
        "OciVersion": VERSION,
        "PythonVersion": sys.version.split()[0],
        "KernelVersion": os.uname().release,
        "Os": host.os,
        "Arch": host.architecture,
    }
    if options.format == "json":
        print(to_json({"Client": known, "Server": known}))
    elif options.format:
        # There is no server, yet scripts ask for the version of one.
        print(Template(plain(options.format)).render({**known, "Client": known, "Server": known}))
    else:
        print(_TEXT.format(**known))
    return 0


_TEXT = """\
tarebox {Version}
 OCI runtime specification: {OciVersion}
 Python:                    {PythonVersion}
 Kernel:                    {KernelVersion}
 OS/Arch:                   {Os}/{Arch}"""
