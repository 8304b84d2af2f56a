"""`tarebench ab`: two revisions that are really built, measured in turns and compared."""

import re
import subprocess
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from bench import lending
from bench.revision import built, resolved
from tare.errors import TareError
from tare.state import State

ROOT = Path(__file__).parents[2]
PACKAGES = ("tare", "bench", "runtime", "vm_baseline", "results", "reports")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", ".gitignore")
LEFT_OUT = ignore_patterns("__pycache__", "recorded", "runs", "out")
CAPABILITIES = "runtime/capabilities.py"


def git(repository: Path, *argv: str) -> None:
    person = ("-c", "user.name=A", "-c", "user.email=a@localhost")
    subprocess.run(("git", "-C", str(repository), *person, *argv), check=True)


def committed(repository: Path, message: str) -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", message)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """This project as it is here, and a commit on top that leaves containers a capability more."""
    place = tmp_path_factory.mktemp("repository")
    for name in PACKAGES:
        copytree(ROOT / name, place / name, ignore=LEFT_OUT)
    for name in FILES:
        (place / name).write_bytes((ROOT / name).read_bytes())
    git(place, "init", "-q")
    committed(place, "As it is")
    text = (place / CAPABILITIES).read_text()
    assert text.count(" SETUID SYS_CHROOT") == 1
    (place / CAPABILITIES).write_text(text.replace(" SETUID SYS_CHROOT", " SETUID SYS_CHROOT LEASE"))
    committed(place, "Leave containers a capability more")
    return place


def test_what_a_commit_does_to_containers_is_a_regression(call, root, repository, tmp_path) -> None:
    done = call(
        *("tarebench", "ab", "--base", "HEAD~1", "--repository", str(repository), "--"),
        *("--profile", "smoke", "--scenarios", "isolation", "--subjects", "tarebox"),
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    (told,) = [line for line in done.stdout.splitlines() if "regression" in line and "metrics" not in line]
    assert "isolation/capabilities" in told
    commits = [resolved(repository, name) for name in ("HEAD~1", "HEAD")]
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [
        ["base", commits[0]],
        ["new", commits[1]],
    ]
    runs = [(tmp_path / f"results/ab/{side}").glob("*.json") for side in ("base", "new")]
    for paths, commit in zip(runs, commits, strict=True):
        assert commit in next(paths).read_text()
    marks = {path.read_text() for path in State.at(root).data.glob("revisions/*/built")}
    assert marks == {lending.packages()}


def test_a_revision_that_can_not_be_built_is_told_in_one_line(repository, tmp_path) -> None:
    broken = tmp_path / "broken"
    subprocess.run(("git", "clone", "-q", str(repository), str(broken)), check=True)
    (broken / "setup.py").write_text("raise SystemExit('no such thing')\n")
    committed(broken, "Break it")
    state = State.at(tmp_path / "root")
    commit = resolved(broken, "HEAD")
    for _ in range(2):
        with pytest.raises(TareError, match=f"revision {commit[:12]} can't be built: python failed; see "):
            built(state, broken, commit)
    assert "no such thing" in (state.data / f"revisions/{commit}/errors").read_text()


@pytest.mark.parametrize(
    ("requirement", "answer"),
    [
        ("numpy>=1", True),
        ("numpy<1", False),
        ("no-such-package-of-ours", False),
        ("no-such-package-of-ours; python_version < '3'", True),
        ("===", False),
    ],
)
def test_packages_are_lent_to_who_needs_no_others(tmp_path, requirement, answer) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["setuptools"]\n[project]\ndependencies = ["{requirement}"]\n'
    )
    assert lending.has_all(tmp_path) is answer


def test_a_project_without_a_description_is_lent_nothing(tmp_path) -> None:
    assert not lending.has_all(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--base", "nonsense"), r"\. has no revision 'nonsense'; .*"),
        (("--base", "HEAD", "--", "--results", "x"), r"--results can't be given to both; leave it away"),
    ],
)
def test_what_has_no_meaning_is_one_line(call, tmp_path, words, message) -> None:
    done = call("tarebench", "ab", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"tarebench: {message}\n", done.stderr)
