"""Pictures of the top of a run's report: `python -m reports.screenshots RUN DIRECTORY`, for documents."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import reports
from reports.browser import CHINESE, DARK, command
from reports.languages import chosen
from results.store import Store
from tare.errors import TareError, UsageError

_WIDE, _NARROW = (1200, 1500), (390, 1400)
_SHOWN = {"light": (_WIDE, ()), "dark": (_WIDE, (DARK,)), "narrow": (_NARROW, ())}
_READERS = {"en": (), "zh": (CHINESE,)}
_COLOURS = 64
# Chromium's windows can't be narrower than 500 pixels.
_FRAME = (
    "<!doctype html><style>body {{ margin: 0 }} iframe {{ border: 0 }}</style>"
    '<iframe src="{page}" width="{width}" height="{height}">'
)


def main(arguments: Sequence[str]) -> None:
    """Write a picture for each language and kind of window, such as en-light.png.

    Raises:
        TareError: an argument is missing, the run can't be read, or there is no Chromium.
    """
    if len(arguments) != 2:
        raise UsageError("a run and a directory are needed", "python -m reports.screenshots RUN DIRECTORY")
    path, out = map(Path, arguments)
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        run = Store(path.parent).load(path)
        (page,) = reports.build([reports.Source(run, path)], Path(scratch), languages=chosen("both"))
        for language, reader in _READERS.items():
            for name, (size, look) in _SHOWN.items():
                picture(page, out / f"{language}-{name}.png", size, (*reader, *look))


def picture(page: Path, out: Path, size: tuple[int, int], flags: Sequence[str]) -> None:
    """Write what a window of that many pixels shows of the page, in as few colours as look the same."""
    width, height = size
    frame = page.with_name("frame.html")
    frame.write_text(_FRAME.format(page=page.name, width=width, height=height))
    shot = page.with_name("shot.png")
    window = (f"--window-size={max(width, 500)},{height}", "--hide-scrollbars", f"--screenshot={shot}")
    subprocess.run(
        command(frame.as_uri(), page.with_name("profile"), *window, *flags),
        check=True,
        capture_output=True,
    )
    with Image.open(shot) as whole:
        cut = whole.convert("RGB").crop((0, 0, width, height))
        cut.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except TareError as error:
        sys.exit(f"screenshots: {error}")
