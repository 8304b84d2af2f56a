"""The bars of a pull, as a terminal gets them."""

import io

from registry.registry_image import make_image
from rich.console import Console

from runtime.image.content import Content
from runtime.image.registry import Session
from runtime.image.registry_progress import bars
from runtime.image.transfer import pull, push


def test_bars(registry: str, session: Session, ours: Content, theirs: Content) -> None:
    image = make_image(ours, (100_000, 10_000), seed=21)
    written = io.StringIO()
    with bars(Console(file=written, force_terminal=True, width=100)) as progress:
        push(session, registry, "bars", "1", image, ours, progress=progress)
    assert written.getvalue().count("97.9/97.9 KiB") >= 1
    with bars(Console(file=(silent := io.StringIO()))) as progress:
        pull(session, registry, "bars", "1", theirs, progress=progress)
    assert not silent.getvalue().strip()
