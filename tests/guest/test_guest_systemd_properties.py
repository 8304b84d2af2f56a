"""Resources as properties of systemd, which needs no guest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.cgroups import systemd
from runtime.cgroups.systemd_properties import bits, translate
from runtime.errors import CgroupError

INFINITY = (1 << 64) - 1


@pytest.mark.parametrize(
    ("resources", "properties"),
    [
        ({}, {}),
        ({"memory": {"limit": -1}}, {"MemoryMax": INFINITY}),
        ({"memory": {"limit": 4096, "swap": 4096}}, {"MemoryMax": 4096, "MemorySwapMax": 0}),
        ({"memory": {"limit": 4096, "swap": -1}}, {"MemoryMax": 4096, "MemorySwapMax": INFINITY}),
        ({"cpu": {"shares": 2}}, {"CPUWeight": 1}),
        ({"cpu": {"shares": 262144}}, {"CPUWeight": 10000}),
        ({"cpu": {"quota": 50_000}}, {"CPUQuotaPerSecUSec": 500_000}),
        ({"cpu": {"quota": 1, "period": 3}}, {"CPUQuotaPeriodUSec": 3, "CPUQuotaPerSecUSec": 340_000}),
        ({"cpu": {"quota": -1}}, {"CPUQuotaPerSecUSec": INFINITY}),
        ({"pids": {"limit": 0}}, {}),
        ({"pids": {"limit": -1}}, {"TasksMax": INFINITY}),
    ],
)
def test_values(resources, properties):
    assert {name: value for name, (_, value) in translate(resources)} == properties


@given(st.sets(st.integers(0, 200), min_size=1))
def test_a_list_of_processors_is_a_mask(numbers):
    mask = int.from_bytes(bits(",".join(map(str, numbers))), "little")
    assert {number for number in range(mask.bit_length()) if mask >> number & 1} == numbers


@pytest.mark.parametrize("text", ["9" * 12, "0-" + "9" * 12, "65536"])
def test_a_processor_that_no_kernel_has_is_refused(text):
    with pytest.raises(CgroupError, match="is no list"):
        bits(text)


@given(st.text())
def test_any_other_list_is_refused_in_one_line(text):
    try:
        bits(text)
    except CgroupError as error:
        assert "is no list" in str(error)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("machine.slice:libpod:1a", ("machine.slice", "libpod-1a.scope")),
        ("a-b.slice::c", ("a-b.slice", "c.scope")),
        ("::", ("system.slice", "box.scope")),
        ("", ("system.slice", "tarebox-box.scope")),
    ],
)
def test_a_path_names_slice_and_unit(path, expected):
    scope = systemd.parse(path, "box")
    assert (scope.slice, scope.unit) == expected


@pytest.mark.parametrize("path", ["/a/b", "a", "a:b", "a:b:c:d"])
def test_a_path_of_another_form_is_refused(path):
    with pytest.raises(CgroupError, match="slice:prefix:name"):
        systemd.parse(path, "box")
