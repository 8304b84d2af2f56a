"""How fast is the disk inside, on the copy-on-write root and on a volume: data, fsync, many small files?"""

import json
from dataclasses import replace
from typing import Any

from bench.recorder import Recorder
from bench.scope import running
from bench.subject import Instance, Prepared, RunSpec, Subject, SubjectError, Unsupported
from results import Better

MAIN = ("operations", "root-random-read")

_IDLE = ("bash", "-c", "echo ready; exec sleep 100000")
_TIMEOUT = 120.0
_VOLUME = "/volume"
_PLACES = {"root": "/var/tmp", "volume": _VOLUME}
_FIO = (
    *("fio", "--output-format=json", "--thread", "--ioengine=psync", "--direct=1", "--size=16m"),
    *("--time_based", "--runtime=500ms"),
)
_JOBS = (
    *("--name=random-read", "--rw=randread", "--bs=4k"),
    *("--name=random-write", "--stonewall", "--rw=randwrite", "--bs=4k"),
    *("--name=read", "--stonewall", "--rw=read", "--bs=1m"),
    *("--name=write", "--stonewall", "--rw=write", "--bs=1m"),
    *("--name=fsync", "--stonewall", "--rw=write", "--bs=4k", "--fsync=1"),
)
_FILES = """
set -e; LC_ALL=C
timed() {
    local name=$1 begun=${EPOCHREALTIME/./}; shift
    "$@"
    echo "$name $((${EPOCHREALTIME/./} - begun))"
}
create() { for ((i = 0; i < 200; i++)); do echo $i > file$i; done; }
cd $1
rm data
tar -C /usr/share -cf tree.tar zoneinfo
timed unpack tar -xf tree.tar
timed create create
timed remove rm -r zoneinfo tree.tar file*
"""


def test_disk(subject: Subject, tools: Prepared, recorder: Recorder) -> None:
    spec = RunSpec(tools, _IDLE, volume=_VOLUME)
    try:
        instance = subject.start(spec)
    except Unsupported as error:
        with running(subject, replace(spec, volume="")) as rooted:
            _measure("root", rooted, recorder)
        raise Unsupported(f"no volume: {error.what}", error.hint) from error
    try:
        instance.wait_ready(recorder.profile.limit)
        for place in _PLACES:
            _measure(place, instance, recorder)
    finally:
        instance.remove()


def _measure(place: str, instance: Instance, recorder: Recorder) -> None:
    directory = _PLACES[place]
    jobs = {job["jobname"]: job for job in _fio(instance, directory)}
    for name, direction in (("random-read", "read"), ("random-write", "write")):
        iops = jobs[name][direction]["iops"]
        recorder.add("operations", "1/s", [iops], phase=f"{place}-{name}", better=Better.HIGHER)
    for name in ("read", "write"):
        speed = jobs[name][name]["bw_bytes"]
        recorder.add("bandwidth", "B/s", [speed], phase=f"{place}-{name}", better=Better.HIGHER)
    latency = jobs["fsync"]["sync"]["lat_ns"]["percentile"]
    for percentile, key in (("p50", "50.000000"), ("p99", "99.000000")):
        recorder.add("fsync", "s", [latency[key] / 1e9], phase=f"{place}-{percentile}")
    for line in _output(instance, "bash", "-c", _FILES, "files", directory).splitlines():
        name, microseconds = line.split()
        recorder.add("files", "s", [int(microseconds) / 1e6], phase=f"{place}-{name}")


def _fio(instance: Instance, directory: str) -> list[Any]:
    output = _output(instance, *_FIO, f"--filename={directory}/data", *_JOBS)
    jobs: list[Any] = json.loads(output[output.index("{") :])["jobs"]
    return jobs


def _output(instance: Instance, *command: str) -> str:
    done = instance.exec(command, timeout=_TIMEOUT)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise SubjectError(f"{command[0]} failed: {said[-1] if said else f'status {done.returncode}'}")
    return done.stdout.decode(errors="replace")
