"""Containers of an ordinary user."""

import json
import os
import select
import signal
from pathlib import Path

from rootless_user import User, ordinary


def kill_holder(user: User) -> None:
    pidfd = os.pidfd_open(json.loads((user.holder / "holder.json").read_text())["pid"])
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [])
    finally:
        os.close(pidfd)


def test_a_container_has_all_that_roots_have(user: User) -> None:
    assert user.inside("plain") == ["0", "lo", "0", "7"]


def test_a_user_inside_is_a_subordinate_one_outside(user: User) -> None:
    assert user.inside("shared") == [0, 7]
    written = [(user.home / "shared" / name).stat().st_uid for name in ("0", "7")]
    assert written == [user.uid, user.first_id + 6]


def test_a_container_on_the_hosts_network_sees_the_hosts_links(user: User) -> None:
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    found = user.inside("on_host")
    assert found[0] == str(Path("/proc/self/ns/net").readlink())
    assert sorted(found[1:-1]) == links
    assert found[-1] == "read-only"


def test_ports_names_and_resolvers(user: User) -> None:
    found = user.inside("network")
    assert found["answers"] == ["hello from one", "hello from two"]
    assert found["name"] == "hello from one"
    assert found["dns"][:2] == ["nameserver", "10.0.2.3"]
    assert "in use" in found["taken"]
    assert found["again"] == "hello from three"


def test_a_port_of_roots_is_refused_in_one_line(user: User) -> None:
    assert user.inside("privileged_port") == (
        "the port 0.0.0.0:80/tcp can't be published: Permission denied; "
        "use one from 1024 on, or have the sysctl net.ipv4.ip_unprivileged_port_start lowered"
    )


def test_a_detached_container_outlives_its_holder(user: User) -> None:
    user.inside("detach")
    assert user.inside("look") == ["running", "up\n"]
    kill_holder(user)
    assert user.inside("look") == ["running", "up\n"]
    assert user.inside("network")["name"] == "hello from one"
    assert user.inside("end") == "exited"


def test_without_a_tunnel_there_is_no_bridge_but_the_rest_works() -> None:
    with ordinary(tunnel=False) as one:
        one.ok("image", "bootstrap", "busybox")
        assert one.inside("bridged") == (
            "the network of an ordinary user can't be connected: /dev/net/tun is missing or closed to you; "
            "have it made with mode 0666; or use --network host or none"
        )
        one.inside("detach")
        assert one.inside("end") == "exited"


def test_pasta_does_what_it_can_in_place_of_slirp4netns() -> None:
    with ordinary(without="slirp4netns") as one:
        name, *routes, fault = one.inside("unpublished")
        assert [name, *routes] == ["hello from one", "default", "via"]
        assert "can't be published without slirp4netns; install it" in fault
        assert json.loads((one.holder / "connection.json").read_text())["kind"] == "pasta"
        kill_holder(one)
        assert one.inside("unpublished")[0] == "hello from one"


def test_limits_that_nobody_enforces_are_refused(user: User) -> None:
    assert "no write access to control groups" in user.inside("limited")
