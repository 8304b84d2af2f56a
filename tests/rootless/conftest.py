from collections.abc import Iterator

import pytest
from rootless_user import User, ordinary


@pytest.fixture(scope="module")
def user() -> Iterator[User]:
    with ordinary() as one:
        one.ok("image", "bootstrap", "busybox")
        yield one
