"""What is measured, as version control names it: a commit, and where to read about it."""

import os
import subprocess
from collections.abc import Mapping

_COMMITS = ("TAREBENCH_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA")


def source(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`commit` and `link` where they are known.

    Continuous integration names them in the environment (documentation of GitHub's "Default environment
    variables" and GitLab's "Predefined CI/CD variables"); elsewhere git says which commit the working
    directory is at.
    """
    commit = next((environment[name] for name in _COMMITS if environment.get(name)), "") or _head()
    link = _link(environment, commit)
    return {name: value for name, value in (("commit", commit), ("link", link)) if value}


def _link(environment: Mapping[str, str], commit: str) -> str:
    if not commit:
        return ""
    if repository := environment.get("GITHUB_REPOSITORY"):
        return f"{environment.get('GITHUB_SERVER_URL', '')}/{repository}/commit/{commit}"
    if project := environment.get("CI_PROJECT_URL"):
        return f"{project}/-/commit/{commit}"
    return ""


def _head() -> str:
    try:
        done = subprocess.run(("git", "rev-parse", "HEAD"), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
