"""`tarebox volume` without containers."""

import json
import os
import pty
from pathlib import Path

import pytest


@pytest.fixture
def tarebox(bare_tarebox):
    return bare_tarebox


def test_a_volume_is_made_listed_inspected_and_removed(said):
    assert said("volume", "create", "--label", "role=data", "store") == "store"
    assert said("volume", "create", "store") == "store"
    assert said("volume", "ls") == "DRIVER    VOLUME NAME\nlocal     store"
    [known] = json.loads(said("volume", "inspect", "store"))
    assert (known["Name"], known["Driver"], known["Labels"]) == ("store", "local", {"role": "data"})
    assert Path(known["Mountpoint"]).is_dir()
    assert said("volume", "inspect", "-f", "{{.Mountpoint}}", "store") == known["Mountpoint"]
    assert said("inspect", "--type", "volume", "store") == said("volume", "inspect", "store")
    assert said("volume", "rm", "store") == "store"
    assert not Path(known["Mountpoint"]).exists()
    assert said("volume", "ls", "-q") == ""


def test_one_without_a_name_is_anonymous(said):
    name = said("volume", "create")
    assert len(name) == 64
    said("volume", "create", "named")
    assert said("volume", "prune", "-f").startswith(f"Deleted Volumes:\n{name}\n\nTotal reclaimed space: ")
    assert said("volume", "ls", "-q") == "named"
    assert "named" in said("volume", "prune", "-af")
    assert said("volume", "prune", "-af") == "Total reclaimed space: 0B"


def test_lists_are_filtered_and_formatted(said):
    said("volume", "create", "--label", "a=1", "one")
    said("volume", "create", "--label", "a=2", "two")
    assert said("volume", "ls", "-qf", "label=a=1") == "one"
    assert said("volume", "ls", "-qf", "name=tw") == "two"
    assert said("volume", "ls", "-qf", "dangling=true", "-f", "driver=local").split() == ["one", "two"]
    assert said("volume", "ls", "-qf", "dangling=false") == ""
    assert said("volume", "list", "--format", '{{.Name}} {{.Label "a"}}') == "one 1\ntwo 2"
    assert json.loads(said("volume", "ls", "--format", "json").splitlines()[0])["Scope"] == "local"
    assert "one" in said("volume", "prune", "-af", "--filter", "label!=a=2")
    assert said("volume", "ls", "-q") == "two"


def test_a_directory_of_the_host_is_a_volume_and_stays(said, tmp_path):
    said("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}", "host")
    assert said("volume", "inspect", "-f", "{{.Mountpoint}}", "host") == str(tmp_path)
    said("volume", "rm", "host")
    assert tmp_path.is_dir()


@pytest.mark.parametrize(("answer", "left"), [("y", ""), ("n", "kept")])
def test_prune_asks_at_a_terminal(said, fault, tarebox, answer, left):
    said("volume", "create", "kept")
    assert "add --force" in fault(1, "volume", "prune", "-a")
    master, slave = pty.openpty()
    with os.fdopen(master, "wb", 0) as keyboard, os.fdopen(slave, "rb", 0) as terminal:
        keyboard.write(f"{answer}\n".encode())
        ended = tarebox("volume", "prune", "-a", input=None, stdin=terminal)
    assert "[y/N]" in ended.stdout
    assert said("volume", "ls", "-q") == left


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (("inspect", "nosuch"), 1, "no such volume: nosuch"),
        (("rm", "nosuch"), 1, "no such volume: nosuch"),
        (("rm", "../x"), 1, "no such volume: ../x"),
        (("create", "a/b"), 1, "no volume's name"),
        (("create", "-o", "type=nfs", "x"), 1, "aren't supported"),
        (("create", "-d", "nfs", "x"), 1, "no volume driver nfs"),
        (("create", "--label", "=", "x"), 1, "has no name"),
        (("ls", "-f", "frob=1"), 1, "invalid filter 'frob'"),
    ],
)
def test_faults_are_one_line(fault, arguments, status, what):
    assert what in fault(status, "volume", *arguments)


def test_each_name_is_tried(said, tarebox):
    said("volume", "create", "one")
    ended = tarebox("volume", "rm", "nosuch", "one")
    assert (ended.returncode, ended.stdout) == (1, "one\n")
    assert said("volume", "rm", "-f", "nosuch") == "nosuch"
