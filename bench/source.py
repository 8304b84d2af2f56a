"""What is measured, as version control names it: a commit, and where to read about it."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

_WEB = re.compile(r"(https?)://(?:[^@/]+@)?([\w.-]+(?::\d+)?)/(.+?)(?:\.git)?/?")
_SHELL = re.compile(
    r"(?:ssh://(?:[^@/]+@)?([\w.-]+)(?::\d+)?/|(?:[^@/:]+@)?([\w.-]+):(?!/))(.+?)(?:\.git)?/?"
)
_COMMITS = ("TAREBENCH_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA")


def source(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`commit` and `link` where they are known.

    Continuous integration names them in the environment (documentation of GitHub's "Default environment
    variables" and GitLab's "Predefined CI/CD variables"); elsewhere git says which commit the working
    directory is at.
    """
    named = next((environment[name] for name in _COMMITS if environment.get(name)), "")
    commit = named or _git("rev-parse", "HEAD")
    link = _link(environment, commit)
    return {name: value for name, value in (("commit", commit), ("link", link)) if value}


def commit_url(directory: Path = Path()) -> str:
    """Where a commit of a clone can be read about, with `{commit}` in it, by the URL of its remote `origin`.

    GitHub, GitLab, Gitea and Forgejo have a page there. Empty where there is no remote on another host.
    """
    remote = _git("-C", str(directory), "remote", "get-url", "origin")
    if web := _WEB.fullmatch(remote):
        scheme, host, path = web.groups()
        return f"{scheme}://{host}/{path}/commit/{{commit}}"
    if shell := _SHELL.fullmatch(remote):
        host, path = shell[1] or shell[2], shell[3]
        return f"https://{host}/{path}/commit/{{commit}}"
    return ""


def _link(environment: Mapping[str, str], commit: str) -> str:
    if not commit:
        return ""
    if repository := environment.get("GITHUB_REPOSITORY"):
        return f"{environment.get('GITHUB_SERVER_URL', '')}/{repository}/commit/{commit}"
    if project := environment.get("CI_PROJECT_URL"):
        return f"{project}/-/commit/{commit}"
    return ""


def _git(*argv: str) -> str:
    """What git prints; nothing where it fails or isn't there."""
    try:
        done = subprocess.run(("git", *argv), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
