"""`docker exec` and `podman exec` without a terminal."""

import pytest
from client_cli import Client


@pytest.fixture
def container(client: Client) -> str:
    return client.sleeper("--network", "none", "--env", "FROM=run")


def test_exit_status(client: Client, container: str) -> None:
    assert client("exec", container, "true").status == 0
    assert client("exec", container, "sh", "-c", "exit 7").status == 7
    assert client("exec", container, "sh", "-c", "kill -9 $$").status == 137
    missing = client("exec", container, "no-such-command")
    # Docker 20.10 tells 126 for both.
    assert missing.status in (126, 127)
    assert "no-such-command" in missing.stdout + missing.stderr
    assert client("exec", container, "/etc/passwd").status == 126
    assert client.state(container) == "running"


def test_streams(client: Client, container: str) -> None:
    text = "".join(f"{number:0>15}\n" for number in range(50_000))
    script = ("sh", "-c", "cat; echo finished >&2; exit 5")
    ended = client("exec", "--interactive", container, *script, stdin=text.encode())
    assert ended.status == 5
    assert ended.stdout == text
    assert ended.stderr.strip() == "finished"


def test_process_is_as_asked(client: Client, container: str) -> None:
    options = ("--env", "OWN=exec", "--user", "1000:1001", "--workdir", "/var/tmp")
    script = 'echo "$FROM $OWN"; id -u; id -g; pwd; grep CapEff /proc/self/status'
    lines = client.must("exec", *options, container, "sh", "-c", script).splitlines()
    assert lines == ["run exec", "1000", "1001", "/var/tmp", "CapEff:\t0000000000000000"]


def test_process_is_as_confined_as_the_first(client: Client, container: str) -> None:
    script = (
        "for each in 1 self; do"
        ' ls -l /proc/$each/ns | sed "s/.* //" | tr "\n" " "; tr "\n" " " </proc/$each/cgroup;'
        " grep -E '^(Cap(Bnd|Eff|Prm|Inh)|Seccomp|NoNewPrivs)' /proc/$each/status | tr '\n' ' ';"
        " cat /proc/$each/oom_score_adj; done"
    )
    first, own = client.must("exec", container, "sh", "-c", script).splitlines()
    assert own == first
    assert "Seccomp:\t2" in own


def test_detached(client: Client, container: str) -> None:
    client.must("exec", container, "mkfifo", "/tmp/done")
    client.must("exec", "--detach", container, "sh", "-c", "echo finished >/tmp/done")
    assert client.must("exec", container, "cat", "/tmp/done") == "finished"


def test_several_at_the_same_time(client: Client, container: str) -> None:
    calls = [client.popen("exec", container, "sh", "-c", f"exit {code}") for code in range(8)]
    assert [call.wait(60) for call in calls] == list(range(8))


def test_ends_with_the_container(client: Client, container: str) -> None:
    call = client.popen("exec", container, "sleep", "100")
    client.must("exec", container, "sh", "-c", "until pidof sleep | grep -q ' '; do :; done")
    client.must("kill", container)
    assert call.wait(60) == 137
    assert client("exec", container, "true").status != 0
