"""What an ordinary user may measure, and what is left out for that user in one line."""

import json

from rootless_user import User


def test_a_user_measures_what_a_user_may_start(user: User) -> None:
    choice = ("--profile", "smoke", "--scenarios", "startup", "--subjects", "host,docker,runc,crun,podman")
    done = user.run("tarebench", "run", *choice, "--results", f"{user.home}/runs", "--no-report")
    assert done.returncode == 0, done.stderr
    for name in ("docker", "runc"):
        assert f"{name} is left out: {name} is measured as root only; run with sudo\n" in done.stderr
    assert "crun is left out: crun" in done.stderr
    assert "podman is left out: " in done.stderr
    assert "Traceback" not in done.stderr
    (path,) = (user.home / "runs").glob("*.json")
    run = json.loads(path.read_text())["tarebench"]
    assert {record["subject"] for record in run["records"]} == {"host", "host-again"}
    assert all(record["valid"] and min(record["samples"]) > 0 for record in run["records"])
    assert user.run("tarebench", "clean").returncode == 0


def test_nothing_to_measure_is_one_line(user: User) -> None:
    done = user.run("tarebench", "run", "--subjects", "docker", "--scenarios", "startup")
    assert done.returncode == 8
    assert done.stderr == (
        "tarebench: no subject can run here (docker: docker is measured as root only; run with sudo);"
        " run `tarebench doctor`\n"
    )
