"""The nodes and links every container finds in /dev (OCI runtime specification, default devices).

The launcher imports this module, so it imports nothing slow.
"""

NODES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
"""Name below /dev, major and minor number."""

LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
)
"""Name below /dev and what it points to."""

DIRECTORIES = ("pts", "shm", "mqueue")
"""Mount points below /dev."""

CGROUP_RULES = (
    ("c", -1, -1, "m"),
    ("b", -1, -1, "m"),
    *(("c", major, minor, "rwm") for _, major, minor in NODES),
    ("c", 5, 2, "rwm"),
    ("c", 136, -1, "rwm"),
)
"""What the device controller allows, as type, major, minor (-1 for all) and access.

Making any node, but opening only those above and terminals.
"""

TUNNEL_RULE = ("c", 10, 200, "rwm")
"""/dev/net/tun, which needs CAP_NET_ADMIN to be of use."""
