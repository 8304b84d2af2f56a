"""What runtime.md asks of the five operations and of the state they return."""

import json
import os
import signal
from pathlib import Path

import pytest
from oci_bundle import link, mounts_below

OPERATIONS = ("state", "create", "start", "kill", "delete")
TRAP = "trap 'echo got; exit 7' USR1; echo ready; sleep 1000 & wait"


def test_creator_can_use_every_operation_on_the_container(oci, bundle):
    """Scope of a Container: who created a container can use all operations against it."""
    oci.create(bundle)
    assert oci.status() == "created"
    oci.start()
    oci.wait()
    oci.delete()
    bundle.shell("sleep 1000")
    oci.create(bundle)
    oci.kill()
    oci.wait()
    oci.delete()


def test_state_has_the_version_of_the_specification(oci, bundle):
    """State: ociVersion is required and is the version the state complies with."""
    oci.create(bundle)
    major, minor, *_ = oci.state()["ociVersion"].split(".")
    assert (int(major), int(minor) >= 0) == (1, True)


def test_state_has_the_id(oci, bundle):
    """State: id is required and is the container's."""
    oci.create(bundle)
    assert oci.state()["id"] == oci.name


def test_state_is_created_then_running_then_stopped(oci, bundle):
    """State: status is required; created, running and stopped mean what the text says."""
    oci.create(bundle)
    assert oci.status() == "created"
    oci.delete("", "--force")
    oci.running(bundle)
    assert oci.status() == "running"
    oci.stop()
    assert oci.status() == "stopped"


def test_state_of_a_paused_container_is_a_name_of_its_own(oci, bundle):
    """State: further values are only for states that the text doesn't define."""
    oci.running(bundle)
    oci.ok("pause", oci.name)
    assert oci.status() not in ("creating", "created", "running", "stopped")
    oci.ok("resume", oci.name)
    assert oci.status() == "running"


@pytest.mark.parametrize("started", [False, True], ids=["created", "running"])
def test_state_has_the_process_as_the_runtime_sees_it(oci, bundle, started):
    """State: pid is required of created and running containers on Linux; here in the runtime's namespace."""
    if started:
        oci.running(bundle)
    else:
        oci.create(bundle)
    pid = oci.pid()
    assert link(f"/proc/{pid}/ns/uts") != link("/proc/self/ns/uts")
    assert f"\t{pid}\t1\n" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("relative", [False, True])
def test_state_has_the_absolute_path_of_the_bundle(oci, bundle, relative):
    """State: bundle is required and absolute, also where the caller gave a relative one."""
    bundle.write()
    oci.asked.add(oci.name)
    given = bundle.path.name if relative else str(bundle.path)
    oci.ok("create", "--bundle", given, oci.name, cwd=bundle.path.parent)
    assert oci.state()["bundle"] == str(bundle.path)


@pytest.mark.parametrize("annotations", [None, {}, {"com.example.key": "value", "org.test": ""}])
def test_state_has_the_annotations(oci, bundle, annotations):
    """State: annotations are those of the container; absent or empty when there are none."""
    if annotations is not None:
        bundle.config["annotations"] = annotations
    oci.create(bundle)
    assert (oci.state().get("annotations") or {}) == (annotations or {})


def test_state_serialized_is_one_json_object_of_the_schemas_types(oci, bundle):
    """State: the JSON adheres to the schema: strings, a whole number, a map of strings."""
    bundle.config["annotations"] = {"a": "b"}
    oci.create(bundle)
    state = json.loads(oci.ok("state", oci.name))
    assert all(isinstance(state[key], str) for key in ("ociVersion", "id", "status", "bundle"))
    assert isinstance(state["pid"], int)
    assert state["pid"] > 0
    assert state["annotations"] == {"a": "b"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_without_an_id_is_an_error(oci, bundle, operation):
    """Operations: each generates an error when it isn't given the container's ID."""
    bundle.write()
    oci.fails(operation, cwd=bundle.path)


@pytest.mark.parametrize("arguments", [("state",), ("start",), ("kill",), ("delete",)])
def test_operation_on_an_unknown_container_is_an_error(oci, arguments):
    """Operations: a container that doesn't exist is an error."""
    oci.fails(*arguments, oci.name)


def test_create_without_a_bundle_is_an_error(oci, tmp_path):
    """Create: an error when there is no path to a bundle; by default it is the working directory."""
    oci.fails("create", oci.name, cwd=tmp_path)
    oci.fails("create", "--bundle", str(tmp_path / "missing"), oci.name)
    oci.fails("state", oci.name)


def test_create_with_id_in_use_is_an_error_and_leaves_the_other_alone(oci, bundle, bundles):
    """Create: an ID in use is an error, no container is created, the one there stays as it is."""
    pid = oci.running(bundle)
    before = oci.state()
    oci.fails("create", "--bundle", str(bundles("other").write()), oci.name)
    assert oci.state() == before
    assert Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", "a\nb", "a b", "é", "a\x01b", "$(id)"])
def test_create_with_an_invalid_id_is_an_error(oci, bundle, name):
    """Create: an ID that isn't valid in any way is an error and nothing is created."""
    oci.fails("create", "--bundle", str(bundle.write()), name)
    assert list(oci.root.parent.rglob("state.json")) == []


@pytest.mark.parametrize("ending", ["a", "A-b", "c_d", "e.f", "0", "+", "x" * 100])
def test_create_takes_every_ordinary_id(oci, bundle, ending):
    """Create: only what isn't valid is refused."""
    name = oci.name + ending
    oci.create(bundle, name=name)
    assert oci.state(name)["id"] == name


def test_create_doesnt_run_the_program(oci, bundle):
    """Create: the user's program isn't run until start."""
    (bundle.share() / "log").touch()
    bundle.shell("echo ran > /mnt/log")
    oci.create(bundle)
    oci.delete("", "--force")
    assert (bundle.share() / "log").read_text() == ""


def test_create_applies_all_but_the_process(oci, bundle):
    """Create: every property other than process is applied when it is done."""
    bundle.mount("/tmp", "tmpfs", "tmpfs", "size=1m")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.resources["pids"] = {"limit": 77}
    oci.create(bundle)
    inside = Path(f"/proc/{oci.pid()}")
    assert " /tmp rw" in (inside / "mountinfo").read_text()
    assert (oci.cgroup("pids") / "pids.max").read_text() == "77\n"
    bundle.shell("cat /proc/sys/net/ipv4/ip_forward; hostname")
    oci.delete("", "--force")
    assert oci.inside(bundle) == "1\nbox\n"


def test_create_that_cant_apply_a_property_is_an_error_and_creates_nothing(oci, bundle):
    """Create: a property that can't be applied is an error and there is no new container."""
    bundle.mount("/tmp", "nosuchfilesystem", "none")
    oci.refuses(bundle)
    bundle.unmount("/tmp")
    oci.create(bundle)


def test_later_changes_of_the_configuration_dont_affect_the_container(oci, bundle):
    """Lifecycle, step 2: updates of config.json after create don't affect the container."""
    (bundle.share() / "log").touch()
    bundle.shell("echo first > /mnt/log")
    bundle.hook("poststart", f"echo first >> {bundle.share()}/hooks")
    oci.create(bundle)
    bundle.shell("echo second > /mnt/log")
    bundle.config["hooks"] = {}
    bundle.hook("poststart", f"echo second >> {bundle.share()}/hooks")
    bundle.hook("poststop", f"echo second >> {bundle.share()}/hooks")
    bundle.write()
    oci.start()
    oci.wait()
    oci.delete()
    assert (bundle.share() / "log").read_text() == "first\n"
    assert (bundle.share() / "hooks").read_text() == "first\n"


def test_container_survives_the_loss_of_its_configuration(oci, bundle):
    """Create: changes of config.json have no effect, its removal included."""
    oci.create(bundle)
    (bundle.path / "config.json").unlink()
    oci.start()
    oci.wait()
    oci.delete()


def test_start_runs_the_program(oci, bundle):
    """Start: runs the user's program as process says."""
    bundle.process["args"] = ["sh", "-c", "echo $0 $1 > /mnt/log", "zero", "one"]
    share = bundle.share()
    oci.create(bundle)
    oci.start()
    oci.wait()
    assert (share / "log").read_text() == "zero one\n"


def test_start_of_a_running_container_is_an_error_without_effect(oci, bundle):
    """Start: an error for a container that isn't created, and nothing happens to it."""
    oci.running(bundle)
    before = oci.state()
    oci.fails("start", oci.name)
    assert oci.state() == before


def test_start_of_a_stopped_container_is_an_error_without_effect(oci, bundle):
    """Start: an error for a container that isn't created, and nothing happens to it."""
    bundle.shell("echo ran >> /mnt/log")
    share = bundle.share()
    oci.create(bundle)
    oci.start()
    oci.wait()
    oci.fails("start", oci.name)
    assert oci.status() == "stopped"
    assert (share / "log").read_text() == "ran\n"


def test_start_of_a_container_killed_before_is_an_error(oci, bundle):
    """Start: an error for a container that stopped before it was started."""
    oci.create(bundle)
    oci.kill()
    oci.wait()
    oci.fails("start", oci.name)
    assert oci.status() == "stopped"


def test_start_without_a_process_is_an_error(oci, bundle):
    """Start: an error when process was not set; create may refuse it already."""
    del bundle.config["process"]
    oci.asked.add(oci.name)
    if oci.run("create", "--bundle", str(bundle.write()), oci.name).returncode == 0:
        oci.fails("start", oci.name)


def test_kill_sends_the_signal_to_the_process(oci, bundle):
    """Kill: sends the given signal to the container's process."""
    share = bundle.share()
    oci.running(bundle, script=TRAP.replace("echo got", "echo got > /mnt/log"))
    oci.kill("USR1")
    oci.wait()
    assert (share / "log").read_text() == "got\n"


@pytest.mark.parametrize("given", ["KILL", "SIGKILL", "9", "kill"])
def test_kill_takes_a_signal_by_name_and_number(oci, bundle, given):
    """Kill: the signal is a parameter of the operation."""
    oci.running(bundle)
    oci.kill(given)
    oci.wait()
    assert oci.status() == "stopped"


@pytest.mark.parametrize("given", ["NOSUCH", "-1", "65", "9x", "SIG"])
def test_kill_with_an_unknown_signal_is_an_error_without_effect(oci, bundle, given):
    """Kill: what is no signal is an error, and the container goes on."""
    oci.running(bundle)
    oci.fails("kill", oci.name, "--", given)
    assert oci.status() == "running"


def test_kill_of_a_created_container_is_allowed(oci, bundle):
    """Kill: only what is neither created nor running is refused."""
    oci.create(bundle)
    oci.kill()
    oci.wait()
    assert oci.status() == "stopped"


def test_kill_of_a_stopped_container_is_an_error_without_effect(oci, bundle):
    """Kill: an error for a container that is neither created nor running."""
    oci.running(bundle)
    oci.stop()
    oci.fails("kill", oci.name, "KILL")
    assert oci.status() == "stopped"


@pytest.mark.parametrize("started", [False, True], ids=["created", "running"])
def test_delete_of_a_container_that_isnt_stopped_is_an_error_without_effect(oci, bundle, started):
    """Delete: an error for a container that isn't stopped, and nothing happens to it."""
    if started:
        oci.running(bundle)
    else:
        oci.create(bundle)
    before = oci.state()
    oci.fails("delete", oci.name)
    assert oci.state() == before
    os.kill(before["pid"], 0)


def test_delete_removes_what_create_made(oci, bundle):
    """Delete: deletes the resources of the create step: cgroups, state and namespaces."""
    oci.running(bundle)
    groups = [oci.cgroup(controller) for controller in ("memory", "pids", "devices", "freezer")]
    oci.stop()
    oci.delete()
    assert [group for group in groups if group.exists()] == []
    assert list(oci.root.iterdir()) == []


def test_delete_leaves_what_create_didnt_make(oci, bundle):
    """Delete: resources that belong to the container and weren't created by it stay."""
    share = bundle.share()
    (share / "kept").write_text("kept")
    root = bundle.own_root()
    oci.inside(bundle, "echo new > /etc/new")
    assert (share / "kept").read_text() == "kept"
    assert (root / "etc/new").read_text() == "new\n"
    assert (bundle.path / "config.json").exists()


def test_deleted_id_may_be_used_again(oci, bundle):
    """Delete: the ID may be used by a further container."""
    for _ in range(2):
        oci.create(bundle)
        oci.start()
        oci.wait()
        oci.delete()
    oci.fails("state", oci.name)


def test_delete_of_a_deleted_container_is_an_error(oci, bundle):
    """Delete: the container doesn't exist any more, so a second time is an error."""
    oci.create(bundle)
    oci.start()
    oci.wait()
    oci.delete()
    oci.fails("delete", oci.name)


def test_failed_create_leaves_the_environment_as_it_was(oci, bundle):
    """Errors: an error leaves the environment as if the operation had never been attempted."""
    root = bundle.own_root()
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    mounts = mounts_below(bundle.path)
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]
    oci.refuses(bundle)
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before
    assert mounts_below(bundle.path) == mounts
    assert list(oci.root.glob("*")) == []


def test_warning_doesnt_change_the_flow(oci, bundle):
    """Warnings: an operation continues as if a warning had not been logged."""
    bundle.process["capabilities"]["bounding"].append("CAP_NO_SUCH")
    assert oci.inside(bundle, "echo on") == "on\n"


def test_signal_that_ends_the_program_makes_it_stopped(oci, bundle):
    """Lifecycle, step 10: a crash stops a container as an exit does."""
    pid = oci.running(bundle)
    os.kill(pid, signal.SIGKILL)
    oci.wait()
    assert oci.status() == "stopped"
