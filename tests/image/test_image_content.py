import threading
from pathlib import Path

import pytest

from runtime.image.content import Content
from runtime.image.digest import digest_of
from runtime.image.model import DOCUMENT_LIMIT, Descriptor
from tare.errors import ImageError

HELLO = Descriptor("text/plain", digest_of(b"hello"), 5)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return Content(tmp_path / "content")


def test_content_is_found_by_its_digest(content: Content) -> None:
    with content.write() as writer:
        writer.write(b"hel")
        writer.write(b"lo")
    assert writer.describe("text/plain") == HELLO
    assert content.read(HELLO) == b"hello"
    assert list(content.digests()) == [HELLO.digest]
    assert not list(content.partial())
    content.remove(HELLO.digest)
    assert not content.has(HELLO.digest)


@pytest.mark.parametrize("data", [b"", b"hell", b"hellO", b"hello!"])
def test_nothing_wrong_becomes_visible(content: Content, data: bytes) -> None:
    with pytest.raises(ImageError), content.write(HELLO) as writer:
        writer.write(data)
    assert not list(content.digests())
    with content.write(HELLO) as writer:
        writer.write(b"hello")
    assert content.has(HELLO.digest)


def test_a_writer_goes_on_where_another_stopped(content: Content) -> None:
    with pytest.raises(KeyError), content.write(HELLO) as writer:
        writer.write(b"hel")
        raise KeyError
    with content.write(HELLO, resume=True) as writer:
        assert writer.offset == 3
        writer.write(b"lo")
    assert content.read(HELLO) == b"hello"
    with content.write(HELLO, resume=True) as writer:
        assert writer.offset == HELLO.size
    assert not list(content.partial())


def test_what_was_resumed_and_is_wrong_begins_anew(content: Content) -> None:
    with pytest.raises(KeyError), content.write(HELLO) as writer:
        writer.write(b"HEL")
        raise KeyError
    with pytest.raises(ImageError, match="has digest"), content.write(HELLO, resume=True) as writer:
        writer.write(b"lo")
    with content.write(HELLO, resume=True) as writer:
        assert writer.offset == 0
        writer.write(b"hello")


def test_two_writers_of_one_digest_take_turns(content: Content) -> None:
    offsets = []

    def write() -> None:
        with content.write(HELLO, resume=True) as writer:
            offsets.append(writer.offset)
            if not writer.offset:
                writer.write(b"hello")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(offsets) == [0] + [5] * 7
    assert not list(content.partial())


def test_only_what_is_abandoned_is_removed(content: Content, tmp_path: Path) -> None:
    (tmp_path / "content/partial/new-dead").write_bytes(b"x")
    with content.write() as writer:
        writer.write(b"hello")
        assert content.remove_abandoned() == 1
    assert content.has(HELLO.digest)


def test_reading_checks(content: Content) -> None:
    with pytest.raises(ImageError, match="is missing"):
        content.read(HELLO)
    content.put(b"hello", "text/plain")
    with pytest.raises(ImageError):
        content.read(Descriptor("text/plain", HELLO.digest, 4))
    with pytest.raises(ImageError, match="at most"):
        content.read(Descriptor("text/plain", HELLO.digest, DOCUMENT_LIMIT + 1))
    assert content.verify(HELLO.digest)
    content.path(HELLO.digest).write_bytes(b"hellO")
    assert not content.verify(HELLO.digest)
    with pytest.raises(ImageError, match="is not"):
        content.read(HELLO)


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:../../etc/passwd", "md5:" + "0" * 32, "sha256:" + "A" * 64]
)
def test_a_path_needs_a_digest(content: Content, digest: str) -> None:
    with pytest.raises(ImageError, match="is not a digest"):
        content.path(digest)


def test_nothing_is_collected_while_an_image_is_added(content: Content) -> None:
    collected = threading.Event()

    def collect() -> None:
        with content.collecting():
            collected.set()

    with content.adding(), content.adding():
        thread = threading.Thread(target=collect)
        thread.start()
        assert not collected.wait(0.05)
    thread.join()
    assert collected.is_set()
