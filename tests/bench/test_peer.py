"""A peer's places are one living process's, and what a dead one left is no hindrance."""

import subprocess
import sys

import pytest

from bench.peer import Peer, peers
from bench.subject import SubjectError
from tare.state import State

HOLDER = """
import sys
from pathlib import Path
from bench.peer import Peer
from tare.state import State
with Peer(State.at(Path(sys.argv[1])), "podman") as peer:
    (peer.run / "networks").mkdir()
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_peer_is_one_process_at_a_time_and_its_remains_are_cleared(environment, tmp_path) -> None:
    state = State.at(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(SubjectError, match="another process measures podman in this state"):
            Peer(state, "podman").__enter__()
        assert peers(state) == []
        holder.kill()
    assert peers(state) == [Peer(state, "podman")]
    with Peer(state, "podman") as peer:
        assert list(peer.run.iterdir()) == []
    assert not peer.run.exists()
    assert peers(state) == []
