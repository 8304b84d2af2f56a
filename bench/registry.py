"""Finds the subjects: every module in bench/subjects/ offers a function `subjects(lab)`."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable

import bench.subjects
from bench.lab import Lab
from bench.subject import Subject
from tare.errors import UsageError


def all_subjects(lab: Lab) -> dict[str, Subject]:
    """Every subject by name, whether or not it can run here, in a stable order.

    Raises:
        UsageError: a runtime that a person added has the name of another subject.
    """
    found: list[Subject] = []
    for module in pkgutil.iter_modules(bench.subjects.__path__, "bench.subjects."):
        offered: Iterable[Subject] = importlib.import_module(module.name).subjects(lab)
        found.extend(offered)
    if twice := [name for name, count in Counter(each.name for each in found).items() if count > 1]:
        raise UsageError(f"there is a subject {twice[0]!r} already", "name the runtime by a link")
    return {
        subject.name: subject for subject in sorted(found, key=lambda s: (s.kind != "host", s.kind, s.name))
    }


def chosen(subjects: dict[str, Subject], names: Iterable[str]) -> dict[str, Subject]:
    """The named subjects. Raises: UsageError for a name that is none."""
    unknown = [name for name in names if name not in subjects]
    if unknown:
        raise UsageError(f"no subject is called {unknown[0]!r}", f"choose from {', '.join(subjects)}")
    return {name: subjects[name] for name in names}
