"""`tarebox ps` and `inspect` on containers that run, and on those that don't."""

import json
import re


def test_ps_lists_what_runs_and_what_has_ended(said, tarebox):
    labels = ("-l", "role=idle", "-l", "tier=1")
    sleeps = said("run", "-d", "--name", "sleeper", *labels, "busybox", "sleep", "1000")
    assert tarebox("run", "--name", "ended", "busybox", "sh", "-c", "exit 3").returncode == 3
    created = said("create", "--name", "created", "--expose", "80", "busybox", "true")
    ended = said("ps", "-lqa", "--no-trunc", "--filter", "name=ended")
    running = said("ps").splitlines()
    titles = ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert running[0].split() == titles
    assert len(running) == 2
    some_time = r"(Less than a|\d+) seconds?"
    assert re.fullmatch(
        rf'{sleeps[:12]}   busybox   "sleep 1000"   {some_time} ago   Up {some_time}\s+sleeper', running[1]
    )
    lines = said("ps", "-a").splitlines()
    assert [line.split()[0] for line in lines[1:]] == [created[:12], ended[:12], sleeps[:12]]
    assert re.search(rf"Exited \(3\) {some_time} ago +ended$", lines[2])
    assert re.search(r" Created +created$", lines[1])
    assert said("ps", "-aq", "--no-trunc").splitlines() == [created, ended, sleeps]
    assert said("ps", "-q", "-n", "2") == f"{created[:12]}\n{ended[:12]}"
    assert said("ps", "-lq") == created[:12]
    assert said("ps", "-aqf", "status=exited") == ended[:12]
    assert said("ps", "-qf", "label=role=idle", "-f", "name=sleeper") == sleeps[:12]
    assert said("container", "ls", "-q") == sleeps[:12]
    template = '{{.Names}}|{{.State}}|{{.Label "role"}}|{{.Labels}}|{{.Networks}}'
    assert said("ps", "--format", template) == "sleeper|running|idle|role=idle,tier=1|bridge"
    table = said("ps", "--format", r"table {{.Names}}\t{{.Image}}")
    assert table.splitlines()[1].split() == ["sleeper", "busybox"]
    row = json.loads(said("ps", "--format", "json"))
    assert (row["ID"], row["Names"], row["State"]) == (sleeps[:12], "sleeper", "running")


def test_ps_cuts_commands_and_volumes_unless_asked_not_to(said):
    script = 'sleep 1000 # "a long command"'
    volume = "a-volume-with-a-long-name"
    said("run", "-d", "-v", f"{volume}:/data", "-v", "/tmp:/host", "busybox", "sh", "-c", script)
    assert said("ps", "--format", "{{.Command}}") == '"sh -c sleep 1000 # …"'
    assert said("ps", "--format", "{{.Mounts}} {{.LocalVolumes}}") == "a-volume-with-…,/tmp 1"
    assert said("ps", "--no-trunc", "--format", "{{.Mounts}}") == f"{volume},/tmp"
    assert r"# \"a long command\"" in said("ps", "--no-trunc", "--format", "{{.Command}}")


def test_ps_says_paused_and_healthy(said, start):
    with start("events", "--since", "1h", "--filter", "event=health_status: healthy") as events:
        said(
            "run",
            "-d",
            "--name",
            "well",
            "--health-cmd",
            "true",
            "--health-interval",
            "50ms",
            "busybox",
            "sleep",
            "99",
        )
        assert "well" in events.stdout.readline()
        events.terminate()
    assert said("ps", "--format", "{{.Status}}").endswith(" (healthy)")
    assert said("ps", "-qf", "health=unhealthy") == ""
    said("pause", "well")
    assert said("ps", "--format", "{{.Status}}").endswith(" (Paused)")
    said("unpause", "well")
    said("rm", "-f", "well")


def test_sizes(said):
    said(
        "run",
        "--name",
        "writer",
        "busybox",
        "dd",
        "if=/dev/zero",
        "of=/big",
        "bs=3M",
        "count=1",
        "status=none",
    )
    lines = said("ps", "-as").splitlines()
    assert lines[0].split()[-1] == "SIZE"
    own, virtual = re.search(r"(\S+)MB \(virtual (\S+)MB\)$", lines[1]).groups()
    assert 3 <= float(own) < float(virtual)
    [known] = json.loads(said("inspect", "-s", "writer"))
    assert 3 << 20 <= known["SizeRw"] < known["SizeRootFs"]
    assert "SizeRw" not in said("inspect", "writer")


def test_inspect_finds_what_a_name_is_of(said, fault, tarebox):
    said("create", "--name", "thing", "busybox", "true")
    said("network", "create", "net")
    said("volume", "create", "data")
    assert said("inspect", "-f", "{{.Name}} {{.State.Status}}", "thing") == "/thing created"
    assert said("inspect", "-f", "{{.Id}}", "busybox").startswith("sha256:")
    assert said("inspect", "-f", "{{.Driver}} {{.Name}}", "net", "data") == "bridge net\nlocal data"
    said("volume", "create", "thing")
    assert said("inspect", "-f", "{{.Driver}}", "--type", "volume", "thing") == "local"
    assert said("inspect", "--format", "json", "thing") == json.dumps(
        json.loads(said("inspect", "thing")), separators=(",", ":"), ensure_ascii=False
    )
    assert "no such object: nosuch" in fault(1, "inspect", "nosuch")
    assert "no such container: net" in fault(1, "inspect", "--type", "container", "net")
    ended = tarebox("inspect", "nosuch", "net")
    assert ended.returncode == 1
    assert [known["Name"] for known in json.loads(ended.stdout)] == ["net"]
    template = "{{range $name, $network := .NetworkSettings.Networks}}{{$name}}{{end}}"
    assert said("inspect", "-f", template, "thing") == "bridge"
    assert "no field .Frob" in fault(1, "inspect", "-f", "{{.Frob}}", "thing")


def test_faults_are_one_line(fault):
    assert "invalid filter 'frob'" in fault(1, "ps", "--filter", "frob=1")
    assert "invalid int" in fault(125, "ps", "-n", "many")
    assert "no such container: none" in fault(1, "ps", "--filter", "since=none")
