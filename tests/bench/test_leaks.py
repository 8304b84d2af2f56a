"""What of the host counts as seen inside: answers compared without any instance."""

from hypothesis import given
from hypothesis import strategies as st

from bench import leaks
from bench.questions import ask

HARNESS = "python\0-m\0pytest"


def asked() -> dict[str, str]:
    return ask(None, leaks.QUESTIONS)


def leaking(inside: dict[str, str], host: dict[str, str]) -> set[str]:
    return {finding.name for finding in leaks.compare(inside, host, HARNESS) if finding.leaks}


def test_a_process_of_the_host_sees_the_host() -> None:
    host = asked()
    assert {"boot-id", "kernel-release", "hostname", "memory", "processors", "uptime"} <= leaking(
        asked(), host
    )


def test_another_system_shows_nothing_of_the_host() -> None:
    host = asked()
    inside = {
        **{name: f"other {name}" for name in host},
        "uptime": "1.5 1.0",
        "memory": "MemTotal: 1 kB",
        "processors": "",
        "mounts": "22 1 0:1 / / rw - overlay overlay rw,lowerdir=/image,upperdir=/no/such/place",
        "processes": "sh\0-c\0true",
    }
    assert leaking(inside, host) == set()


def test_directories_of_the_host_and_its_processes_are_recognised(tmp_path) -> None:
    host = asked()
    layers = f"22 1 0:1 / / rw - overlay overlay rw,lowerdir=/image:{tmp_path}"
    assert "mounts" in leaking({**host, "mounts": layers}, host)
    assert "mounts" in leaking({**host, "mounts": f"22 1 0:1 {tmp_path} / rw - ext4 /dev/vda rw"}, host)
    assert "processes" in leaking({**host, "processes": f"init\0\n{HARNESS}\0\n"}, host)


def test_what_two_kernels_say_alike_is_no_log_of_the_host() -> None:
    alike = "[    0.000000] NX (Execute Disable) protection: active"
    host = {**asked(), "kernel-log": f"{alike}\n[    0.5] of the host\n[    0.6] of the host"}
    inside = f"{alike}\n[    0.4] of the guest\n[    0.7] of the guest"
    assert "kernel-log" not in leaking({**host, "kernel-log": inside}, host)
    assert "kernel-log" in leaking(host, host)


HOST = asked()


@given(st.dictionaries(st.sampled_from(sorted(HOST)), st.text(st.characters(exclude_characters="/"))))
def test_any_answer_can_be_compared(strange) -> None:
    for finding in leaks.compare({**HOST, **strange}, HOST, HARNESS):
        assert "\n" not in str(finding)
