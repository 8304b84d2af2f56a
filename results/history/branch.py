"""Runs on a branch of a git repository, whose working tree is left alone.

Each run is a commit that adds two files, made from git's own parts (git-hash-object(1), git-mktree(1),
git-commit-tree(1), git-update-ref(1)), so that it needs neither a checkout nor an index: who is killed
meanwhile leaves objects that nothing names, which git collects. Pushing is left to the person.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from results.errors import ResultsError
from results.history.directory import RUN, SUMMARY
from results.history.document import check_same, packed, run_of, summary_of
from results.history.summary import Summary, summary
from results.run import Run

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Tarebench",
    "GIT_AUTHOR_EMAIL": "tarebench@localhost",
    "GIT_COMMITTER_NAME": "Tarebench",
    "GIT_COMMITTER_EMAIL": "tarebench@localhost",
}
_ATTEMPTS = 10


class Branch:
    """A `Keep` in git.

    Args:
        clone: a directory of the repository.
        name: the branch, which begins with nothing.
    """

    def __init__(self, clone: Path, name: str) -> None:
        self._clone = clone
        self._reference = f"refs/heads/{name}"
        self._git("rev-parse", "--git-dir")

    def add(self, run: Run) -> bool:
        """As `Keep.add`."""
        short = summary(run)
        files = {f"{run.id}{RUN}": packed(run.as_json()), f"{run.id}{SUMMARY}": packed(short.as_json())}
        for _ in range(_ATTEMPTS):
            tip = self._tip()
            if tip and (known := self._content(tip, f"{short.machine}/{run.id}{RUN}")) is not None:
                check_same(known, run, f"{short.machine}/{run.id}")
                return False
            commit = self._commit(tip, short.machine, files, f"Keep run {run.id}")
            # Only if nobody has added another meanwhile.
            if self._try("update-ref", self._reference, commit, tip or "0" * 40).returncode == 0:
                return True
        raise ResultsError(f"{self._reference} can't be moved", "see whether a process keeps it locked")

    def machines(self) -> list[str]:
        """As `Keep.machines`."""
        return sorted({name.partition("/")[0] for name in self._names()})

    def summaries(self, machine: str) -> list[Summary]:
        """As `Keep.summaries`."""
        names = [name for name in self._names(machine) if name.endswith(SUMMARY)]
        contents = self._contents(names)
        return sorted(
            (summary_of(data, name) for name, data in zip(names, contents, strict=True)),
            key=lambda each: each.started,
        )

    def run(self, machine: str, run_id: str) -> Run:
        """As `Keep.run`."""
        name = f"{machine}/{run_id}{RUN}"
        tip = self._tip()
        data = self._content(tip, name) if tip else None
        if data is None:
            raise ResultsError(f"{self._reference} has no {name}", "name a run that is kept")
        return run_of(data, name)

    def _tip(self) -> str:
        done = self._try("rev-parse", "--verify", "--quiet", self._reference)
        return done.stdout.decode().strip()

    def _names(self, machine: str = "") -> list[str]:
        if not (tip := self._tip()):
            return []
        paths = ("--", f"{machine}/") if machine else ()
        return self._git("ls-tree", "-r", "-z", "--name-only", tip, *paths).decode().split("\0")[:-1]

    def _content(self, tip: str, name: str) -> bytes | None:
        done = self._try("cat-file", "blob", f"{tip}:{name}")
        return done.stdout if done.returncode == 0 else None

    def _contents(self, names: list[str]) -> list[bytes]:
        """Of many files by one process."""
        if not names:
            return []
        tip = self._tip()
        asked = "".join(f"{tip}:{name}\n" for name in names).encode()
        answer = self._git("cat-file", "--batch", stdin=asked)
        contents, at = [], 0
        for _ in names:
            end = answer.index(b"\n", at)
            size = int(answer[at:end].split()[2])
            contents.append(answer[end + 1 : end + 1 + size])
            at = end + size + 2
        return contents

    def _commit(self, tip: str, directory: str, files: Mapping[str, bytes], message: str) -> str:
        machines = self._entries(tip) if tip else {}
        runs = self._entries(machines[directory].split()[2]) if directory in machines else {}
        for name, data in files.items():
            runs[name] = f"100644 blob {self._made('hash-object', '-w', '--stdin', stdin=data)}"
        machines[directory] = f"040000 tree {self._tree(runs)}"
        parents = ("-p", tip) if tip else ()
        return self._made("commit-tree", self._tree(machines), *parents, "-m", message, more=_IDENTITY)

    def _entries(self, tree: str) -> dict[str, str]:
        """What git-ls-tree(1) says of each entry, by name: mode, type and object."""
        lines = self._git("ls-tree", "-z", tree).decode().split("\0")[:-1]
        return {name: told for told, _, name in (line.partition("\t") for line in lines)}

    def _tree(self, entries: Mapping[str, str]) -> str:
        lines = "".join(f"{told}\t{name}\0" for name, told in entries.items())
        return self._made("mktree", "-z", stdin=lines.encode())

    def _made(self, *argv: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> str:
        """The object that a command made."""
        return self._git(*argv, stdin=stdin, more=more).decode().strip()

    def _git(self, *argv: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        done = self._try(*argv, stdin=stdin, more=more)
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip().splitlines()
            raise ResultsError(
                f"git {argv[0]} failed in {self._clone}: {message[-1] if message else done.returncode}",
                "name the directory of a clone",
            )
        return done.stdout

    def _try(
        self, *argv: str, stdin: bytes = b"", more: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                ("git", "-C", str(self._clone), *argv),
                input=stdin,
                capture_output=True,
                env={**os.environ, **(more or {})},
                check=False,
            )
        except FileNotFoundError as error:
            raise ResultsError("git is not installed", "install it, or keep runs in a directory") from error
