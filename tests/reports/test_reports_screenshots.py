"""The pictures of the documents: made by the command that the document shows, and looked at there."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from results.store import Store

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / "docs/screenshots"
NAMES = [f"{language}-{name}.png" for language in ("en", "zh") for name in ("light", "dark", "narrow")]
COMMAND = (sys.executable, "-m", "reports.screenshots")


def paper(path):
    """The brightness of the commonest colour, from 0 to 255, and the picture's size."""
    with Image.open(path) as image:
        return Counter(image.convert("L").tobytes()).most_common(1)[0][0], image.size


@pytest.fixture(scope="module")
def made(lean, tmp_path_factory):
    out = tmp_path_factory.mktemp("screenshots")
    path = Store(out).save(lean)
    subprocess.run([*COMMAND, path, out / "made"], cwd=ROOT, check=True)
    return out / "made"


@pytest.mark.parametrize("directory", ["made", "kept"])
def test_there_is_a_picture_of_each_language_and_window(request, directory):
    pictures = KEPT if directory == "kept" else request.getfixturevalue(directory)
    assert sorted(path.name for path in pictures.iterdir()) == sorted(NAMES)
    for path in pictures.iterdir():
        brightness, (width, _) = paper(path)
        assert (brightness < 60) == ("dark" in path.name)
        assert width == (390 if "narrow" in path.name else 1200)
        assert path.stat().st_size <= 400_000


def test_the_document_shows_all_and_names_the_command():
    text = (ROOT / "docs/reports.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(screenshots/([^)]+)\)", text)) == sorted(NAMES)
    assert "python -m reports.screenshots" in text


def test_arguments_that_are_missing_are_told_in_one_line():
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("screenshots: a run and a directory are needed")
    assert done.stderr.count("\n") == 1
