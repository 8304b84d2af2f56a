"""What config.md asks of hooks: what they are given, where they run and where their paths resolve."""

import json
from pathlib import Path

import pytest
from oci_bundle import link

CREATE_HOOKS = ("prestart", "createRuntime", "createContainer")
RUNTIME_NAMESPACE = ("prestart", "createRuntime", "poststart", "poststop")
STATUS = {
    "prestart": "creating",
    "createRuntime": "creating",
    "createContainer": "creating",
    "poststart": "running",
    "poststop": "stopped",
}


def whole_life(oci, bundle) -> None:
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    oci.start()
    oci.stop()
    oci.delete()


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
def test_hooks_are_called_in_the_listed_order(oci, bundle, kind):
    """Hooks: called in the order in which they are listed."""
    share = bundle.share()
    for number in range(5):
        bundle.hook(kind, f"echo {number} >> {share}/log")
    whole_life(oci, bundle)
    assert (share / "log").read_text().split() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("kind", STATUS)
def test_hook_gets_the_state_on_its_input(oci, bundle, kind):
    """Hooks: the container's state is passed over standard input."""
    share = bundle.share()
    bundle.config["annotations"] = {"com.example.key": "value"}
    bundle.hook(kind, f"cat > {share}/state")
    whole_life(oci, bundle)
    state = json.loads((share / "state").read_text())
    assert state["id"] == oci.name
    assert state["ociVersion"].startswith("1.")
    assert state["bundle"] == str(bundle.path)
    assert state["annotations"] == {"com.example.key": "value"}
    assert state["status"] in (STATUS[kind], "created" if kind in CREATE_HOOKS else STATUS[kind])


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart"])
def test_hook_in_the_runtime_namespace_sees_the_runtimes_pid(oci, bundle, kind):
    """State: for hooks in the runtime namespace the pid is the one the runtime sees."""
    share = bundle.share()
    bundle.hook(kind, f"cat > {share}/state")
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    oci.start()
    assert json.loads((share / "state").read_text())["pid"] == oci.pid()


@pytest.mark.parametrize("kind", ["createContainer", "startContainer"])
def test_hook_in_the_container_namespace_sees_the_containers_pid(oci, bundle, kind):
    """State: for hooks in the container namespace the pid is the one the container sees."""
    share = bundle.share()
    place = share if kind == "createContainer" else "/mnt"
    bundle.hook(kind, f"cat > {place}/state")
    whole_life(oci, bundle)
    assert json.loads((share / "state").read_text())["pid"] == 1


def test_start_container_hook_gets_the_state_on_its_input(oci, bundle):
    """Hooks: the container's state is passed over standard input, to hooks inside too."""
    share = bundle.share()
    bundle.hook("startContainer", "cat > /mnt/state")
    whole_life(oci, bundle)
    state = json.loads((share / "state").read_text())
    assert (state["id"], state["bundle"]) == (oci.name, str(bundle.path))


@pytest.mark.parametrize("kind", RUNTIME_NAMESPACE)
def test_hook_is_executed_in_the_runtime_namespace(oci, bundle, kind):
    """Hooks: prestart, createRuntime, poststart and poststop run in the runtime's namespaces."""
    share = bundle.share()
    bundle.hook(kind, f"readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/uts > {share}/log")
    whole_life(oci, bundle)
    own = [link(f"/proc/self/ns/{name}") for name in ("mnt", "net", "uts")]
    assert (share / "log").read_text().split() == own


@pytest.mark.parametrize("kind", ["createContainer", "startContainer"])
def test_hook_is_executed_in_the_container_namespace(oci, bundle, kind):
    """Hooks: createContainer and startContainer run in the container's namespaces."""
    share = bundle.share()
    place = share if kind == "createContainer" else "/mnt"
    names = ("mnt", "net", "uts", "ipc")
    links = " ".join(f"/proc/self/ns/{name}" for name in names)
    bundle.hook(kind, f"(for link in {links}; do readlink $link; done) > {place}/log")
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    pid = oci.pid()
    inside = [link(f"/proc/{pid}/ns/{name}") for name in names]
    oci.start()
    oci.stop()
    assert (share / "log").read_text().split() == inside


@pytest.mark.parametrize("kind", [*RUNTIME_NAMESPACE, "createContainer"])
def test_path_of_the_hook_resolves_in_the_runtime_namespace(oci, bundle, kind):
    """Hooks: path resolves in the runtime namespace, for createContainer too."""
    share = bundle.share()
    program = bundle.path / "hook"
    program.write_text(f"#!/bin/sh\necho ran > {share}/log\n")
    program.chmod(0o755)
    bundle.config["hooks"] = {kind: [{"path": str(program)}]}
    whole_life(oci, bundle)
    assert (share / "log").read_text() == "ran\n"


def test_path_of_a_start_container_hook_resolves_in_the_container_namespace(oci, bundle):
    """Hooks: the path of startContainer resolves in the container namespace."""
    share = bundle.share()
    program = bundle.own_root() / "hook"
    program.write_text("#!/bin/sh\necho ran > /mnt/log\n")
    program.chmod(0o755)
    bundle.config["hooks"] = {"startContainer": [{"path": "/hook"}]}
    whole_life(oci, bundle)
    assert (share / "log").read_text() == "ran\n"


@pytest.mark.parametrize("kind", CREATE_HOOKS)
def test_create_hooks_are_called_before_pivot_root(oci, bundle, kind):
    """Hooks: prestart, createRuntime and createContainer come before pivot_root: the host is still there."""
    share = bundle.share()
    (share / "log").touch()
    look = f"test -e {bundle.path}/config.json && echo host >> {share}/log"
    if kind != "createContainer":
        look = (
            "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); "
            f"test -e /proc/$pid/root{bundle.path}/config.json && echo host >> {share}/log"
        )
    bundle.hook(kind, look)
    oci.create(bundle)
    assert (share / "log").read_text() == "host\n"


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_create_hooks_are_called_when_the_namespaces_are_there(oci, bundle, kind):
    """Hooks: they come after the runtime environment was created, so the network can be set up in them."""
    share = bundle.share()
    bundle.hook(kind, f"readlink /proc/$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/')/ns/net > {share}/log")
    oci.create(bundle)
    seen = (share / "log").read_text().strip()
    assert seen == link(f"/proc/{oci.pid()}/ns/net")
    assert seen != link("/proc/self/ns/net")


def test_prestart_hooks_are_called_before_create_runtime_hooks(oci, bundle):
    """Prestart: called before the createRuntime hooks; those before createContainer."""
    share = bundle.share()
    for kind in reversed(CREATE_HOOKS):
        bundle.hook(kind, f"echo {kind} >> {share}/log")
    oci.create(bundle)
    assert (share / "log").read_text().split() == [*CREATE_HOOKS]


def test_create_container_hook_sees_the_mounts_of_the_container(oci, bundle):
    """CreateContainer: the mounts of the container are there when it is called."""
    share = bundle.share()
    bundle.mount("/tmp", "tmpfs", "tmpfs", "size=123k")
    bundle.hook("createContainer", f"grep size=1[0-9][0-9]k /proc/self/mountinfo > {share}/log")
    oci.create(bundle)
    assert "/tmp" in (share / "log").read_text()


def test_poststop_hooks_are_called_when_the_container_is_deleted(oci, bundle):
    """Poststop: called after the container was deleted: its cgroups are gone."""
    share = bundle.share()
    bundle.process["args"] = ["sleep", "1000"]
    bundle.hook("poststop", f"find /sys/fs/cgroup -name '*{oci.name}*' > {share}/log")
    oci.create(bundle)
    assert oci.cgroup("memory").exists()
    oci.delete("", "--force")
    assert (share / "log").read_text() == ""


def test_hook_gets_its_arguments_and_environment(oci, bundle):
    """Hooks: args are argv as for execv, the first being the name; env is the environment."""
    share = bundle.share()
    script = f'(echo "$0" "$1"; env) > {share}/log'
    entry = {"path": "/bin/sh", "args": ["x", "-c", script, "zero", "one"], "env": ["A=b", "C="]}
    bundle.config["hooks"] = {"createRuntime": [entry]}
    oci.create(bundle)
    lines = (share / "log").read_text().splitlines()
    assert lines[0] == "zero one"
    assert {"A=b", "C="} <= set(lines)
    assert {line.partition("=")[0] for line in lines[1:]} <= {"A", "C", "PWD", "SHLVL", "_"}


@pytest.mark.parametrize("kind", STATUS)
def test_relative_path_of_a_hook_is_an_error(oci, bundle, kind):
    """Hooks: path is absolute."""
    bundle.config["hooks"] = {kind: [{"path": "bin/sh"}]}
    oci.refuses(bundle)


@pytest.mark.parametrize("timeout", [0, -1])
def test_timeout_of_a_hook_that_isnt_positive_is_an_error(oci, bundle, timeout):
    """Hooks: timeout is greater than zero when it is set."""
    bundle.hook("createRuntime", "true", timeout=timeout)
    oci.refuses(bundle)


def test_hook_within_its_timeout_succeeds(oci, bundle):
    """Hooks: only what lasts longer than its timeout is aborted."""
    bundle.hook("createRuntime", f"cat > {bundle.share()}/state", timeout=10)
    oci.create(bundle)
    assert (bundle.share() / "state").exists()


def test_hook_without_a_path_is_an_error(oci, bundle):
    """Hooks: path is required."""
    bundle.config["hooks"] = {"poststart": [{"args": ["sh"]}]}
    oci.refuses(bundle)


def test_hook_doesnt_get_the_runtimes_descriptors(oci, bundle):
    """Hooks: they are other programs; nothing of the runtime but the standard streams is theirs."""
    share = bundle.share()
    bundle.hook("createRuntime", f"ls /proc/self/fd | wc -l > {share}/log")
    oci.create(bundle)
    assert int(Path(share, "log").read_text()) <= 4
