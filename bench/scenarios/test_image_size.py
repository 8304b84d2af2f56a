"""How many bytes is one image in each form it is shipped and run in, and how many are its instances?"""

from bench.recorder import Recorder
from bench.scope import running
from bench.second_image import SIZE
from bench.subject import MIB, Image, Prepared, RunSpec, Subject

_IDLE = ("sh", "-c", "echo ready; exec sleep 100000")
_COUNTS = (1, 2, 10)


def test_image_size(subject: Subject, image: Image, prepared: Prepared, recorder: Recorder) -> None:
    sizes = dict(subject.sizes(image))
    base = sizes.pop("base")
    for form, size in sizes.items():
        recorder.add(form, "B", [size])
    recorder.add("second-image", "B", [subject.added(image)], notes=f"one file of {SIZE // MIB} MiB more")
    with running(subject, RunSpec(prepared, _IDLE), recorder.profile.limit) as instance:
        own = instance.footprint().disk
    if own is not None:
        for count in _COUNTS:
            recorder.add(
                "instances", "B", [base + count * own], phase=str(count), notes=f"{own} bytes are its own"
            )
