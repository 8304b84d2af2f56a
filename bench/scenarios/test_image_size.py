"""How many bytes is one image in each form it is shipped and run in?"""

from bench.recorder import Recorder
from bench.subject import Image, Subject


def test_image_size(subject: Subject, image: Image, recorder: Recorder) -> None:
    for form, size in subject.sizes(image).items():
        recorder.add(form, "B", [size])
