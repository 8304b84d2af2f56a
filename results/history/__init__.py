"""Runs kept over time, by machine: in a directory, a branch of git, or a database."""

from pathlib import Path

from results.history.keep import Keep
from results.history.summary import Summary, summary

__all__ = ["Keep", "Summary", "kept", "summary"]


def kept(where: str) -> Keep:
    """The place that a name stands for; it is made with the first run.

    Args:
        where: a URL of SQLAlchemy's (`sqlite:///history.db`, `postgresql://HOST/NAME`), `git:CLONE#BRANCH`,
            or a directory.

    Raises:
        ResultsError: it can't be reached.
    """
    if where.startswith("git:"):
        from results.history.branch import Branch

        clone, _, branch = where.removeprefix("git:").partition("#")
        return Branch(Path(clone or "."), branch or "tarebench-history")
    if "://" in where:
        from results.history.database import Database

        return Database(where)
    from results.history.directory import Directory

    return Directory(Path(where))
