"""The harness weighs whole systems where they are named, or the profile has them."""

from kept_systems import keep_systems

from bench.profile import PROFILES
from results.store import Store
from tare.state import State


def test_only_the_full_profile_has_them() -> None:
    left_out = {name: profile.leaves_out for name, profile in PROFILES.items()}
    assert left_out.pop("full") == frozenset()
    assert all({"vm-full", "vm-uefi"} <= names for names in left_out.values())


def test_one_that_is_named_is_weighed(root, call, tmp_path) -> None:
    keep_systems(State.at(root).data)
    words = ("--profile", "smoke", "--subjects", "vm-uefi", "--scenarios", "image-size", "--no-report")
    done = call("tarebench", "run", *words, cwd=tmp_path, timeout=1500)
    assert done.returncode == 0, done.stderr + done.stdout
    store = Store(tmp_path / "results/runs")
    sizes = {record.metric: record.samples[0] for record in store.load(store.latest()).records}
    assert sizes["system"] > 200 << 20
    assert "boot" not in sizes
