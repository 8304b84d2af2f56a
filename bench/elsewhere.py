"""A second, empty state root, as another host with the same programs would have it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.clean import ELSEWHERE, clean
from bench.lab import Lab
from bench.registry import all_subjects
from bench.subject import Subject, SubjectError
from tare.state import State

_PROVEN = "accelerator"


@contextmanager
def elsewhere(lab: Lab, name: str) -> Iterator[tuple[Subject, Path]]:
    """The subject of that name there, and a directory beside for what is moved; all is gone afterwards.

    Only which accelerator works is known there, as that is said of the hardware.

    Raises:
        SubjectError: it can't run there.
    """
    root = lab.state.directory(ELSEWHERE)
    state = State.at(root)
    try:
        if (lab.state.data / _PROVEN).is_dir():
            shutil.copytree(lab.state.data / _PROVEN, state.data / _PROVEN, dirs_exist_ok=True)
        with Lab(state, lab.uri, lab.runtimes) as other:
            subject = all_subjects(other)[name]
            availability = subject.availability()
            if not availability.usable:
                raise SubjectError(f"{name} can't run on an empty state root", availability.reason)
            beside = root / "moved"
            beside.mkdir()
            yield subject, beside
    finally:
        clean(state)
        shutil.rmtree(root)
