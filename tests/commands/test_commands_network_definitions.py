"""`tarebox network` without containers: what is defined, listed, asked for and refused."""

import json
import os
import pty

import pytest


@pytest.fixture
def tarebox(bare_tarebox):
    return bare_tarebox


def test_a_network_is_defined_listed_inspected_and_removed(said):
    options = (
        "--subnet",
        "10.213.7.0/24",
        "--gateway",
        "10.213.7.9",
        "--ip-range",
        "10.213.7.64/26",
        "--internal",
    )
    identity = said("network", "create", *options, "--label", "role=back", "--label", "bare", "inner")
    assert len(identity) == 64
    lines = [line.split() for line in said("network", "ls").splitlines()]
    assert lines[0] == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    assert [identity[:12], "inner", "bridge", "local"] in lines
    assert "bridge" in [line[1] for line in lines]
    [known] = json.loads(said("network", "inspect", "inner"))
    assert known["IPAM"]["Config"] == [
        {"Subnet": "10.213.7.0/24", "Gateway": "10.213.7.9", "IPRange": "10.213.7.64/26"}
    ]
    assert known["Labels"] == {"role": "back", "bare": ""}
    assert known["Internal"] is True
    assert said(
        "network", "inspect", identity[:8], "-f", "{{(index .IPAM.Config 0).Gateway}} {{.Labels.role}}"
    ) == ("10.213.7.9 back")
    assert said("network", "rm", "inner") == "inner"
    assert identity[:12] not in said("network", "ls")


def test_lists_are_filtered_and_formatted(said):
    first = said("network", "create", "--label", "a=1", "one")
    said("network", "create", "--label", "a=2", "--ipv6", "two")
    assert said("network", "ls", "-q", "--no-trunc", "--filter", "name=one") == first
    assert said("network", "ls", "-qf", "label=a=1", "-f", "label=a") == first[:12]
    assert said("network", "ls", "-qf", "label=a=1", "-f", "label=a=2") == ""
    template = '{{.Name}} {{.IPv6}} {{.Label "a"}}'
    assert said("network", "ls", "-f", "type=custom", "--format", template) == "one false 1\ntwo true 2"
    rows = [json.loads(line) for line in said("network", "list", "--format", "json").splitlines()]
    assert [row["Name"] for row in rows] == ["bridge", "one", "two"]
    assert said("network", "ls", "-f", "dangling=false").count("\n") == 0
    assert said("network", "ls", "--format", r"table {{.Name}}\t{{.Scope}}").splitlines()[1].split() == [
        "bridge",
        "local",
    ]


def test_prune_removes_what_nobody_is_on(said, fault):
    said("network", "create", "one")
    assert (
        fault(1, "network", "prune")
        == "nobody is there to be asked; add --force to remove without a question"
    )
    assert said("network", "prune", "--force") == "Deleted Networks:\none"
    assert said("network", "prune", "-f") == ""
    assert said("network", "ls", "--format", "{{.Name}}") == "bridge"


@pytest.mark.parametrize(("answer", "left"), [("y", "bridge"), ("n", "bridge\none"), ("", "bridge\none")])
def test_prune_asks_at_a_terminal(said, tarebox, answer, left):
    said("network", "create", "one")
    master, slave = pty.openpty()
    with os.fdopen(master, "wb", 0) as keyboard, os.fdopen(slave, "rb", 0) as terminal:
        keyboard.write(f"{answer}\n".encode())
        ended = tarebox("network", "prune", input=None, stdin=terminal)
    assert "[y/N]" in ended.stdout
    assert ended.returncode == (0 if answer == "y" else 1)
    assert said("network", "ls", "--format", "{{.Name}}") == left


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (("inspect", "nosuch"), 1, "no network 'nosuch'"),
        (("rm", "nosuch"), 1, "no network 'nosuch'"),
        (("rm", "bridge"), 1, "is always there"),
        (("create", "host"), 1, "no name for a network"),
        (("create", "a/b"), 1, "no name for a network"),
        (("create", "--subnet", "10.1.2.3/8", "x"), 1, "no subnet"),
        (("create", "--subnet", "10.1.0.0/31", "x"), 1, "too small"),
        (("create", "--subnet", "10.213.0.0/24", "--gateway", "10.214.0.1", "x"), 1, "no host of"),
        (("create", "--subnet", "10.213.0.0/24", "--ip-range", "10.214.0.0/25", "x"), 1, "not in"),
        (("create", "--gateway", "nowhere", "x"), 1, "no address"),
        (("create", "--subnet", "10.213.0.0/24", "--subnet", "10.214.0.0/24", "x"), 1, "twice"),
        (("create", "--driver", "overlay", "x"), 1, "no network driver overlay"),
        (("create", "--opt", "frob=1", "x"), 1, "no driver option 'frob'"),
        (("create", "--label", "=x", "x"), 1, "has no name"),
        (("create",), 1, "required"),
        (("ls", "--filter", "frob=1"), 1, "invalid filter 'frob'"),
        (("ls", "--filter", "frob"), 1, "write KEY=VALUE"),
        (("ls", "--filter", "dangling=maybe"), 1, "neither true nor false"),
        (("ls", "--format", "{{.Frob}}"), 1, "no field .Frob"),
        (("inspect", "bridge", "-f", "{{"), 1, "not closed"),
    ],
)
def test_faults_are_one_line(fault, arguments, status, what):
    assert what in fault(status, "network", *arguments)


def test_a_name_or_subnet_is_taken(said, fault):
    said("network", "create", "--subnet", "10.213.8.0/24", "one")
    assert "there is a network one already" in fault(1, "network", "create", "one")
    assert "overlaps 10.213.8.0/24" in fault(1, "network", "create", "--subnet", "10.213.0.0/16", "two")


def test_each_name_is_tried(said, tarebox):
    said("network", "create", "one")
    ended = tarebox("network", "rm", "nosuch", "one")
    assert (ended.returncode, ended.stdout) == (1, "one\n")
    assert "nosuch" in ended.stderr
    ended = tarebox("network", "inspect", "nosuch", "bridge")
    assert ended.returncode == 1
    assert [known["Name"] for known in json.loads(ended.stdout)] == ["bridge"]
    assert said("network", "rm", "--force", "nosuch") == "nosuch"
