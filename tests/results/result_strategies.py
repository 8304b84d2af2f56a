"""Hypothesis strategies of records and runs that the schema accepts."""

from hypothesis import strategies as st

from results import Better, Kind, Record, Run, SubjectInfo, Temperature
from results.schema import SCHEMA_VERSION

text = st.text(st.characters(codec="utf-8"), max_size=12)
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
finite = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
SUBJECTS = (
    SubjectInfo("host", Kind.HOST, "6.1", available=True),
    SubjectInfo("tarebox", Kind.CONTAINER, "0.1", available=True),
    SubjectInfo("vm-micro", Kind.VM, "", available=False, reason="QEMU is not installed"),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    samples = tuple(draw(st.lists(finite, max_size=4)))
    return Record(
        draw(st.sampled_from([subject.name for subject in SUBJECTS])),
        draw(words),
        draw(words),
        draw(st.sampled_from(["s", "B", "1", "lines"])),
        draw(st.sampled_from(Better)),
        phase=draw(text),
        temperature=draw(st.sampled_from(Temperature)),
        pass_=draw(st.integers(0, 100)),
        samples=samples,
        accelerator=draw(st.sampled_from([None, "kvm", "tcg"])),
        valid=bool(samples) or draw(st.booleans()),
        notes=draw(text if samples else words),
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    return Run(
        id="20261124-1",
        schema=SCHEMA_VERSION,
        started="2026-11-24T08:00:00Z",
        finished=None,
        complete=False,
        profile=draw(text),
        seed=draw(st.integers()),
        plan=draw(st.dictionaries(text, text | st.integers() | st.none(), max_size=3)),
        host=draw(st.dictionaries(text, text, max_size=3)),
        subjects=SUBJECTS,
        records=tuple(draw(st.lists(records(), max_size=4))),
    )
