from bench.control import Again, controlled
from bench.lab import Lab
from bench.registry import all_subjects
from bench.subject import Subject
from results import SubjectInfo
from tare.state import State


def test_who_is_asked_twice(tmp_path) -> None:
    with Lab(State.at(tmp_path)) as lab:
        subjects = all_subjects(lab)

        def twice(*names: str) -> Subject | None:
            return controlled(subjects[name] for name in names)

        assert twice("host", "runc", "tarebox", "vm-q35") is subjects["tarebox"]
        assert twice("vm-q35", "host", "runc") is subjects["runc"]
        assert twice("vm-q35", "host") is subjects["host"]
        assert twice("vm-q35") is None
        again = Again(subjects["host"])
        assert (again.name, again.kind, again.accelerator) == ("host-again", "host", None)
        assert again.availability() == subjects["host"].availability()


def test_the_control_is_marked_in_the_results() -> None:
    plain = SubjectInfo("runc", "container", "1", available=True)
    again = SubjectInfo("runc-again", "container", "1", available=True, again="runc")
    assert "again" not in plain.as_json()
    assert SubjectInfo.from_json(again.as_json()) == again
