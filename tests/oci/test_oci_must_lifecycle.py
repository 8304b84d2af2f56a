"""What runtime.md asks of the thirteen steps of the lifecycle, and of hooks that fail."""

import fcntl
from pathlib import Path

import pytest
from oci_bundle import mounts_below

CREATE_HOOKS = ("prestart", "createRuntime", "createContainer")
HOST_HOOKS = (*CREATE_HOOKS, "poststart", "poststop")


def logged(bundle) -> list[str]:
    return (bundle.share() / "log").read_text().split()


def log_hooks(bundle) -> None:
    """A line in the log from each hook, twice each, so that their order is seen too."""
    share = bundle.share()
    (share / "log").touch()
    for kind in HOST_HOOKS:
        bundle.hook(kind, f"echo {kind}-1 >> {share}/log")
        bundle.hook(kind, f"echo {kind}-2 >> {share}/log")
    bundle.hook("startContainer", "echo startContainer-1 >> /mnt/log")
    bundle.hook("startContainer", "echo startContainer-2 >> /mnt/log")
    bundle.shell("echo program >> /mnt/log; sleep 1000")


def twice(*kinds: str) -> list[str]:
    return [f"{kind}-{number}" for kind in kinds for number in (1, 2)]


@pytest.mark.parametrize("kind", CREATE_HOOKS)
def test_create_hooks_are_invoked_by_create(oci, bundle, kind):
    """Lifecycle, steps 3 to 5: the hooks are invoked by create, before start."""
    bundle.hook(kind, f"echo {kind} > {bundle.share()}/log")
    oci.create(bundle)
    assert logged(bundle) == [kind]


def test_start_container_hooks_are_invoked_before_the_program(oci, bundle):
    """Lifecycle, steps 7 and 8: startContainer hooks are invoked by start, before the program."""
    share = bundle.share()
    (share / "log").touch()
    bundle.hook("startContainer", "echo hook >> /mnt/log")
    bundle.shell("echo program >> /mnt/log")
    oci.create(bundle)
    assert logged(bundle) == []
    oci.start()
    oci.wait()
    assert logged(bundle) == ["hook", "program"]


def test_poststart_hooks_are_invoked_before_start_returns(oci, bundle):
    """Lifecycle, step 9: poststart hooks are invoked after the program runs and before start returns."""
    bundle.hook("poststart", f"echo hook >> {bundle.share()}/log")
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    oci.start()
    assert logged(bundle) == ["hook"]


def test_poststop_hooks_are_invoked_by_delete(oci, bundle):
    """Lifecycle, step 13: poststop hooks are invoked when the container was deleted, not when it stopped."""
    share = bundle.share()
    bundle.hook("poststop", f"echo hook >> {share}/log")
    oci.create(bundle)
    oci.start()
    oci.wait()
    assert not (share / "log").exists()
    oci.delete()
    assert logged(bundle) == ["hook"]


def test_steps_come_in_order(oci, bundle):
    """Lifecycle: hooks of every kind and the program run in the order of the steps, hooks as listed."""
    log_hooks(bundle)
    oci.create(bundle)
    assert logged(bundle) == twice(*CREATE_HOOKS)
    oci.start()
    oci.kill()
    oci.wait()
    oci.delete()
    seen = logged(bundle)
    assert [line for line in seen if line != "program"] == twice(
        *CREATE_HOOKS, "startContainer", "poststart", "poststop"
    )
    if "program" in seen:
        assert seen.index("program") > seen.index("startContainer-2")


def test_steps_come_in_order_with_run_too(oci, bundle):
    """Lifecycle: a command that does all steps at once keeps their order."""
    log_hooks(bundle)
    bundle.shell("echo program >> /mnt/log; while ! grep -q poststart-2 /mnt/log; do usleep 1000; done")
    assert oci.inside(bundle) == ""
    seen = logged(bundle)
    assert seen.index("program") > seen.index("startContainer-2")
    seen.remove("program")
    assert seen == twice(*CREATE_HOOKS, "startContainer", "poststart", "poststop")


@pytest.mark.parametrize("kind", CREATE_HOOKS)
def test_failed_create_hook_is_an_error_and_the_container_is_gone(oci, bundle, kind):
    """Lifecycle, steps 3 to 5: a hook's failure is an error; the container is stopped and destroyed."""
    share = bundle.share()
    bundle.hook(kind, f"cat > {share}/state; exit 3")
    bundle.hook(kind, f"echo next >> {share}/log")
    oci.refuses(bundle)
    assert not (share / "log").exists()
    assert list(oci.root.iterdir()) == []


@pytest.mark.parametrize("kind", CREATE_HOOKS)
def test_failed_create_hook_is_followed_by_the_poststop_hooks(oci, bundle, kind):
    """Lifecycle, steps 3 to 5: after a failure it goes on at step 12, so poststop hooks are invoked."""
    bundle.hook(kind, "exit 3")
    bundle.hook("poststop", f"echo poststop >> {bundle.share()}/log")
    oci.refuses(bundle)
    assert logged(bundle) == ["poststop"]


def test_failed_start_container_hook_is_an_error_and_the_program_isnt_run(oci, bundle):
    """Lifecycle, step 7: a hook's failure is an error, and the container is stopped and destroyed."""
    share = bundle.share()
    bundle.hook("startContainer", "exit 3")
    bundle.hook("startContainer", "echo next >> /mnt/log")
    bundle.shell("echo program >> /mnt/log")
    oci.create(bundle)
    oci.fails("start", oci.name)
    oci.fails("state", oci.name)
    assert not (share / "log").exists()


def test_failed_start_container_hook_is_followed_by_the_poststop_hooks(oci, bundle):
    """Lifecycle, step 7: after a failure it goes on at step 12, so poststop hooks are invoked."""
    bundle.hook("startContainer", "exit 3")
    bundle.hook("poststop", f"echo poststop >> {bundle.share()}/log")
    oci.create(bundle)
    oci.fails("start", oci.name)
    assert logged(bundle) == ["poststop"]


def test_failed_poststart_hook_is_an_error_and_the_container_is_gone(oci, bundle):
    """Lifecycle, step 9: a hook's failure is an error, and the container is stopped and destroyed."""
    share = bundle.share()
    bundle.hook("poststart", "exit 3")
    bundle.hook("poststart", f"echo next >> {share}/log")
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    pid = oci.pid()
    oci.fails("start", oci.name)
    oci.fails("state", oci.name)
    assert not (share / "log").exists()
    assert not Path(f"/proc/{pid}/root/bin").exists()


def test_failed_poststart_hook_is_followed_by_the_poststop_hooks(oci, bundle):
    """Lifecycle, step 9: after a failure it goes on at step 12, so poststop hooks are invoked."""
    bundle.hook("poststart", "exit 3")
    bundle.hook("poststop", f"echo poststop >> {bundle.share()}/log")
    bundle.process["args"] = ["sleep", "1000"]
    oci.create(bundle)
    oci.fails("start", oci.name)
    assert logged(bundle) == ["poststop"]


def test_failed_poststop_hook_is_a_warning_and_the_next_ones_run(oci, bundle):
    """Lifecycle, step 13: a failure is logged as a warning; the other hooks and delete go on."""
    bundle.hook("poststop", "exit 3")
    bundle.hook("poststop", f"echo next >> {bundle.share()}/log")
    oci.create(bundle)
    oci.start()
    oci.wait()
    ended = oci.run("delete", oci.name)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.strip()
    assert logged(bundle) == ["next"]
    oci.fails("state", oci.name)


@pytest.mark.parametrize("how", ["missing", "killed", "directory"])
def test_hook_that_cant_run_or_is_killed_has_failed(oci, bundle, how):
    """Lifecycle: what isn't a successful end of a hook is its failure."""
    if how == "killed":
        bundle.hook("createRuntime", "kill -9 $$")
    else:
        path = "/no/such/hook" if how == "missing" else "/"
        bundle.config["hooks"] = {"createRuntime": [{"path": path}]}
    oci.refuses(bundle)


def test_container_is_destroyed_by_undoing_its_creation(oci, bundle):
    """Lifecycle, step 12: nothing of the container is left: no mount, cgroup, state or namespace."""
    oci.running(bundle)
    group = oci.cgroup("memory")
    oci.stop()
    oci.delete()
    assert mounts_below(oci.root.parents[1]) == []
    assert not group.exists()
    assert list(oci.root.iterdir()) == []


def test_environment_that_cant_be_created_is_an_error(oci, bundle):
    """Lifecycle, step 2: an environment that can't be created is an error."""
    bundle.mount("/mnt", "none", "/no/such/source", "bind")
    oci.refuses(bundle)


def test_program_that_isnt_there_is_an_error(oci, bundle):
    """Lifecycle, steps 2 and 8: the program has to be run, so it is an error when it can't be."""
    bundle.process["args"] = ["/no/such/program"]
    oci.asked.add(oci.name)
    if oci.run("create", "--bundle", str(bundle.write()), oci.name).returncode == 0:
        oci.fails("start", oci.name)


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "poststart"])
def test_hook_that_outlives_its_timeout_is_aborted_and_has_failed(oci, bundle, kind):
    """Lifecycle and timeout of a hook: it is aborted after so many seconds, which is its failure."""
    lock = bundle.share() / "lock"
    bundle.hook(kind, f"exec 9> {lock}; flock 9; exec sleep 100", timeout=1)
    bundle.process["args"] = ["sleep", "1000"]
    if kind == "poststart":
        oci.create(bundle)
        oci.fails("start", oci.name)
    else:
        oci.refuses(bundle)
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
