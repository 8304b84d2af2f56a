"""Mount options end up with the system call that takes them, later ones winning."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.oci import mount_options
from runtime.oci.mount_options import KNOWN, parse

RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, STRICTATIME, ATIME, NODIRATIME = 1, 2, 4, 8, 0x10, 0x20, 0x70, 0x80
NOSYMFOLLOW = 0x200000
UNBINDABLE, PRIVATE, SLAVE, SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
SPECIFIED = (  # noqa: SIM905 - config.md, Linux mount options
    "async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noatime nodev"
    " nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private"
    " ratime rbind rdev rdiratime relatime remount rexec ridmap rnoatime rnodev rnodiratime rnoexec"
    " rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave"
    " rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync"
    " tmpcopyup unbindable"
).split()
OPPOSITES = [
    ("ro", "rw", RDONLY),
    ("nosuid", "suid", NOSUID),
    ("nodev", "dev", NODEV),
    ("noexec", "exec", NOEXEC),
    ("nodiratime", "diratime", NODIRATIME),
    ("nosymfollow", "symfollow", NOSYMFOLLOW),
]
options = st.lists(st.sampled_from(KNOWN) | st.text(max_size=8), max_size=8)


def written(superblock: list[tuple[str, str | None]]) -> list[str]:
    return [key if value is None else f"{key}={value}" for key, value in superblock]


def test_exactly_the_options_of_the_specification_are_known() -> None:
    assert set(KNOWN) == set(SPECIFIED)


@pytest.mark.parametrize(
    ("given_options", "expected"),
    [
        ([], {}),
        (["defaults", "silent", "loud", "iversion", "noiversion", "norelatime", "rnorelatime", ""], {}),
        (["noatime"], {"set": NOATIME, "clear": ATIME}),
        (["strictatime"], {"set": STRICTATIME, "clear": ATIME}),
        (["relatime"], {"clear": ATIME}),
        (["noatime", "relatime"], {"clear": ATIME}),
        (["noatime", "atime"], {"clear": ATIME}),
        (["strictatime", "atime"], {"set": STRICTATIME, "clear": ATIME}),
        (["noatime", "nostrictatime"], {"set": NOATIME, "clear": ATIME}),
        (["strictatime", "nostrictatime"], {"clear": ATIME}),
        (["rnoatime"], {"rec_set": NOATIME, "rec_clear": ATIME}),
        (["rro"], {"rec_set": RDONLY}),
        (["rrw"], {"rec_clear": RDONLY}),
        (["nosuid", "rsuid"], {"rec_clear": NOSUID}),
        (["rro", "nosuid", "rw"], {"rec_set": RDONLY, "set": NOSUID, "clear": RDONLY}),
        (["bind"], {"bind": True}),
        (["rbind"], {"bind": True, "recursive": True}),
        (["rbind", "bind"], {"bind": True, "recursive": True}),
        (
            ["private", "rslave", "unbindable", "rshared"],
            {"propagation": [(PRIVATE, False), (SLAVE, True), (UNBINDABLE, False), (SHARED, True)]},
        ),
        (["remount", "tmpcopyup"], {"remount": True, "tmpcopyup": True}),
        (["ridmap", "idmap"], {"idmap": "idmap"}),
        (["mode=755", "size=64k", "newinstance"], {"superblock": ["mode=755", "size=64k", "newinstance"]}),
        (["lowerdir=/a:/b=c", "empty="], {"superblock": ["lowerdir=/a:/b=c", "empty="]}),
        (["size=1", "sync", "size=2"], {"superblock": ["sync", "size=1", "size=2"]}),
        (["sync", "lazytime", "async", "dirsync", "mand"], {"superblock": ["lazytime", "dirsync", "mand"]}),
        (["async", "nolazytime", "nomand"], {}),
        (["remount", "async"], {"remount": True, "superblock": ["async"]}),
        (["ro,nosuid", "mode=1,gid=2"], {"set": RDONLY | NOSUID, "superblock": ["ro", "mode=1", "gid=2"]}),
        (['context="a:c1,c2",nodev'], {"set": NODEV, "superblock": ["context=a:c1,c2"]}),
    ],
)
def test_options(given_options: list[str], expected: dict[str, Any]) -> None:
    parsed = parse(given_options)
    assert [
        key if value is None else f"{key}={value}" for key, value in parsed["superblock"]
    ] == expected.get("superblock", [])
    others = {name: value for name, value in parsed.items() if name != "superblock"}
    assert others == {name: expected.get(name, type(value)()) for name, value in others.items()}


@pytest.mark.parametrize(("on", "off", "bit"), OPPOSITES)
@pytest.mark.parametrize(("prefix", "scope"), [("", ""), ("r", "rec_")])
def test_the_last_of_two_opposites_wins(on: str, off: str, bit: int, prefix: str, scope: str) -> None:
    both = parse([prefix + on, prefix + off])
    assert (both[f"{scope}set"], both[f"{scope}clear"]) == (0, bit)
    both = parse([prefix + off, prefix + on])
    assert (both[f"{scope}set"], both[f"{scope}clear"]) == (bit, 0)


@given(options)
def test_every_list_can_be_parsed(given_options: list[str]) -> None:
    parsed = parse(given_options)
    for scope in ("", "rec_"):
        assert parsed[f"{scope}set"] & parsed[f"{scope}clear"] & ~ATIME == 0
        assert parsed[f"{scope}clear"] & ATIME in (0, ATIME), "mount_setattr(2) clears access times as one"
        assert not parsed[f"{scope}set"] & ATIME or parsed[f"{scope}clear"] & ATIME
        assert parsed[f"{scope}set"] & ATIME in (0, NOATIME, STRICTATIME)
    assert parsed["bind"] or not parsed["recursive"]


@given(options, options)
def test_the_result_on_a_mount_is_that_of_one_option_after_the_other(
    given_options: list[str], before: list[str]
) -> None:
    """Modelled on one bit: what the top of a tree and what lies below it end up with."""

    def applied(parsed: dict[str, Any], top: int, below: int) -> tuple[int, int]:
        top, below = ((bits & ~parsed["rec_clear"]) | parsed["rec_set"] for bits in (top, below))
        return (top & ~parsed["clear"]) | parsed["set"], below

    plain = [name for name in before + given_options if name.removeprefix("r") in mount_options._ATTRIBUTES]
    stepwise = (RDONLY | NOATIME, NOSUID)
    for option in plain:
        stepwise = applied(parse([option]), *stepwise)
    assert applied(parse(plain), RDONLY | NOATIME, NOSUID) == stepwise


@given(st.lists(st.text(st.characters(exclude_characters=',"'), min_size=1, max_size=8), max_size=6))
def test_what_is_unknown_goes_to_the_filesystem_in_order(words: list[str]) -> None:
    unknown = [f"_{word}" for word in words]
    parsed = parse(unknown)
    assert written(parsed["superblock"]) == unknown
    assert parse([",".join(unknown)])["superblock"] == parsed["superblock"]
