"""What the options of `run` and `create` do, seen from inside of containers."""

import json
from dataclasses import replace

import pytest

from runtime.image.making import put_image
from runtime.image.store import ImageStore


@pytest.fixture
def inside(said):
    """What a shell script in a container says."""

    def ran(script: str, *options: str, network: str = "none") -> str:
        return said("run", "--rm", "--network", network, *options, "busybox", "sh", "-c", script)

    return ran


@pytest.fixture
def other_image(state):
    """Gives the busybox image another configuration, under the name `other`."""

    def made(**fields) -> None:
        store = ImageStore(state)
        busybox = store.get("busybox")
        config = replace(busybox.config, **fields)
        with store.content.adding():
            root = put_image(store.content, busybox.manifest.layers, config.serialise())
            store.add(root, ["other"])

    return made


def inspected(said, name: str) -> dict:
    return json.loads(said("inspect", name))[0]


def test_what_the_image_says_and_what_takes_its_place(other_image, said):
    other_image(
        entrypoint=("echo", "image"), cmd=("cmd",), env=("A=1", "PATH=/bin:/usr/bin"),
        workdir="/etc", user="nobody",
        labels={"a": "1", "b": "2"}, stop_signal="SIGUSR2", volumes=("/data",), exposed_ports=("80/tcp",),
        healthcheck={"Test": ["CMD", "true"], "Interval": 10**9},
    )  # fmt: skip
    run = ("run", "--rm", "--network", "none")
    assert said(*run, "other") == "image cmd"
    assert said(*run, "other", "mine") == "image mine"
    assert said(*run, "--entrypoint", "pwd", "other") == "/etc"
    assert said(*run, "--entrypoint", "", "other", "id", "-un") == "nobody"
    script = ("-c", "echo $A $B $PATH $HOME $HOSTNAME; pwd; id -u; ls -d /data")
    options = ("--entrypoint", "sh", "-e", "A=2", "-e", "B=3", "-w", "/tmp", "-u", "0", "-h", "here")
    assert said(*run, *options, "other", *script).splitlines() == [
        "2 3 /bin:/usr/bin /root here",
        "/tmp",
        "0",
        "/data",
    ]
    said("create", "--name", "one", "-l", "b=3", "--expose", "90/udp", "--health-retries", "5", "other")
    found = inspected(said, "one")
    config = found["Config"]
    assert config["Labels"] == {"a": "1", "b": "3"}
    assert config["StopSignal"] == "SIGUSR2"
    assert set(config["ExposedPorts"]) == {"80/tcp", "90/udp"}
    assert found["Mounts"][0]["Destination"] == "/data"
    assert (config["Entrypoint"], config["Cmd"]) == (["echo", "image"], ["cmd"])
    assert config["Healthcheck"] == {
        "Test": ["CMD", "true"], "Interval": 10**9, "Timeout": 30 * 10**9, "StartPeriod": 0, "Retries": 5
    }  # fmt: skip
    said("rm", "-v", "one")


def test_environment_files(inside, tmp_path, environment, monkeypatch):
    file = tmp_path / "env"
    file.write_text("# no\nA=1\nHOME\n")
    found = inside("echo $A $B $HOME", "--env-file", str(file), "-e", "B=2")
    assert found == f"1 2 {environment['HOME']}"


def test_users_and_groups(inside):
    options = ("-u", "1000:2000", "--group-add", "3000", "--group-add", "tty")
    assert set(inside("id -u; id -G", *options).split()) == {"1000", "2000", "3000", "5"}


def test_binds(inside, tmp_path, fault):
    (tmp_path / "file").write_text("given\n")
    assert inside("cat /m/file; echo new > /m/new", "-v", f"{tmp_path}:/m") == "given"
    assert (tmp_path / "new").read_text() == "new\n"
    assert inside("touch /m/x 2>/dev/null || echo refused", "-v", f"{tmp_path}:/m:ro") == "refused"
    assert inside("cat /f", "--mount", f"type=bind,src={tmp_path}/file,dst=/f,readonly") == "given"
    assert inside("ls -d /made", "-v", f"{tmp_path}/missing/here:/made") == "/made"
    assert (tmp_path / "missing/here").is_dir()


def test_a_mount_that_does_not_fit_what_is_there(fault, tmp_path):
    (tmp_path / "file").touch()
    for source, target in (("file", "/bin"), (".", "/bin/busybox")):
        # With a network it is up to chance what fails first, here or there.
        line = fault(125, "run", "--rm", "-v", f"{tmp_path}/{source}:{target}", "busybox", "true")
        assert f"can't mount {tmp_path / source} at {target}: one is a directory" in line


def test_volumes(inside, said, fault):
    inside("echo kept > /v/file", "-v", "data:/v")
    assert inside("cat /w/file", "--mount", "src=data,dst=/w") == "kept"
    assert inside("ls /etc/passwd", "-v", "filled:/etc") == "/etc/passwd"
    said("create", "--name", "one", "-v", "data:/v", "-v", "/unnamed", "busybox")
    assert inside("cat /v/file; ls -d /unnamed", "--volumes-from", "one:ro") == "kept\n/unnamed"
    assert "no such container" in fault(125, "run", "--volumes-from", "none", "busybox", "true")
    before = said("volume", "ls", "-q").splitlines()
    assert len(before) == 3
    said("rm", "-v", "one")
    assert said("volume", "ls", "-q").splitlines() == ["data", "filled"]


def test_filesystems_in_memory(inside):
    found = inside(
        "df -k /a /dev/shm | tail -n 2 | awk '{print $2}'", "--tmpfs", "/a:size=1m", "--shm-size", "2m"
    )
    assert found.split() == ["1024", "2048"]
    assert inside("stat -c %a /b", "--mount", "type=tmpfs,dst=/b,tmpfs-mode=1770") == "1770"


def test_read_only_root(inside):
    options = ("--read-only", "--tmpfs", "/tmp")
    assert (
        inside("touch /x 2>/dev/null || echo refused; touch /tmp/x && echo taken", *options)
        == "refused\ntaken"
    )


def test_limits_of_processes(inside):
    found = inside("ulimit -n; ulimit -Hn; ulimit -c", "--ulimit", "nofile=100:200", "--ulimit", "core=0")
    assert found.split() == ["100", "200", "0"]
    assert inside("cat /proc/self/oom_score_adj", "--oom-score-adj", "500") == "500"


def test_limits_of_control_groups(said, fault):
    options = (
        "-m", "64m", "--memory-swap", "96m", "--memory-reservation", "32m", "--cpus", "0.5",
        "--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "30",
    )  # fmt: skip
    said("create", "--name", "one", *options, "busybox", "true")
    assert said("start", "-a", "one") == ""
    host = inspected(said, "one")["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (64 << 20, 500_000_000, 30)
    assert (host["MemorySwap"], host["MemoryReservation"]) == (96 << 20, 32 << 20)
    assert (host["CpuShares"], host["CpusetCpus"]) == (512, "0")
    run = ("run", "--rm")
    assert "memory and swap together" in fault(125, *run, "-m", "64m", "--memory-swap", "1m", "busybox")
    assert "without --memory" in fault(125, *run, "--memory-swap", "64m", "busybox")
    assert "above --memory" in fault(125, *run, "-m", "8m", "--memory-reservation", "9m", "busybox")
    assert "no list of numbers" in fault(125, *run, "--cpuset-cpus", "a", "busybox")
    assert "excludes --cpu-period" in fault(125, *run, "--cpus", "1", "--cpu-quota", "9999", "busybox")


def test_privileges(inside, tmp_path):
    script = (
        "grep CapEff /proc/self/status | cut -f2; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status | cut -f2"
    )
    assert inside(script, "--cap-drop", "ALL", "--cap-add", "CHOWN").split() == ["0000000000000001", "0", "2"]
    options = ("--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined")
    assert inside(script, *options).split()[1:] == ["1", "0"]
    assert inside(script, "--no-seccomp").split()[2] == "0"
    profile = tmp_path / "profile.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    assert inside("mkdir /x 2>/dev/null || echo refused", "--security-opt", f"seccomp={profile}") == "refused"


def test_privileged(inside):
    may = "test -w /sys/kernel && mount -t tmpfs none /mnt && test -e /dev/kmsg"
    script = f"{may} && grep Seccomp: /proc/self/status"
    assert inside(script, "--privileged").split() == ["Seccomp:", "0"]


def test_a_device(inside, fault):
    assert inside("test -c /dev/other && echo there", "--device", "/dev/fuse:/dev/other:rw") == "there"


def test_sysctls(inside, fault):
    assert inside("cat /proc/sys/net/ipv4/ip_default_ttl", "--sysctl", "net.ipv4.ip_default_ttl=42") == "42"
    assert "kernel.panic" in fault(125, "run", "--rm", "--sysctl", "kernel.panic=1", "busybox", "true")


def test_namespaces_of_the_host(inside):
    assert inside("hostname", "--uts", "host", network="none") == inside("hostname", network="host")
    assert int(inside("ls -d /proc/[0-9]* | wc -l", "--pid", "host")) > 5


def test_files_of_the_network(inside):
    options = ("--dns", "192.0.2.53", "--dns-search", "example.test", "--dns-option", "ndots:3")
    found = inside(
        "cat /etc/resolv.conf /etc/hosts", *options, "--add-host", "db:192.0.2.7", network="bridge"
    )
    for line in ("nameserver 192.0.2.53", "search example.test", "options ndots:3", "192.0.2.7\tdb"):
        assert line in found


def test_addresses_on_request(said, inside):
    said("network", "create", "--subnet", "10.213.7.0/24", "apart")
    options = ("--ip", "10.213.7.77", "--mac-address", "02:00:00:00:77:77", "--network-alias", "extra")
    found = inside("ip -o addr show eth0; ip link show eth0", *options, network="apart")
    assert "10.213.7.77/24" in found
    assert "02:00:00:00:77:77" in found
    assert "10.213.7.78/24" in inside("ip -o addr show eth0", network="name=apart,ip=10.213.7.78,alias=x")
    said("network", "rm", "apart")


def test_published_ports(said, tarebox):
    said(
        "run", "-d", "--name", "one", "-p", "127.0.0.1::80", "--expose", "81", "-P", "busybox", "sleep", "60"
    )
    lines = said("port", "one").splitlines()
    assert [line.split(" -> ")[0] for line in lines] == ["80/tcp", "81/tcp"]
    assert said("port", "one", "80") == lines[0].split(" -> ")[1]
    warned = tarebox("run", "--rm", "--network", "host", "-p", "80", "busybox", "true")
    assert (warned.returncode, warned.stderr.count("\n")) == (0, 1)
    assert "mean nothing" in warned.stderr


def test_a_health_check(said):
    options = ("--health-cmd", "test -e /ok", "--health-interval", "50ms", "--health-retries", "1")
    said("run", "-d", "--name", "one", "--network", "none", *options, "busybox", "sleep", "60")
    for status, change in (("unhealthy", "touch /ok"), ("healthy", "true")):
        for _ in range(200):
            if inspected(said, "one")["State"]["Health"]["Status"] == status:
                break
        else:
            raise AssertionError(f"never {status}")
        said("exec", "one", "sh", "-c", change)


def test_an_init(inside):
    assert inside("cat /proc/1/cmdline | tr '\\0' ' '", "--init").startswith("/dev/init init sh -c")


def test_a_log_that_is_kept_short(said, tarebox, fault):
    options = ("--log-driver", "json-file", "--log-opt", "max-size=10k", "--log-opt", "max-file=2")
    assert (
        tarebox("run", "--name", "one", "--network", "none", *options, "busybox", "seq", "2000").returncode
        == 0
    )
    kept = said("logs", "one").splitlines()
    assert kept[-1] == "2000"
    assert len(kept) < 1000
    assert "unknown log option 'mode'" in fault(125, "run", "--log-opt", "mode=x", "busybox")


def test_another_storage_driver(said, fault):
    said("--storage-driver", "vfs", "create", "--name", "one", "busybox", "true")
    assert inspected(said, "one")["GraphDriver"]["Name"] == "vfs"
    assert said("--storage-driver=vfs", "start", "-a", "one") == ""
    assert "no storage driver is called 'zfs'" in fault(125, "--storage-driver", "zfs", "run", "busybox")
