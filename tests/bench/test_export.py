"""`tarebench export`, as it is called."""

import json
from pathlib import Path

RUN = Path(__file__).parents[2] / "results/recorded/quick-2cores-tcg.json"


def test_a_run_is_written_to_a_file_that_is_never_replaced_unasked(call, tmp_path) -> None:
    command = ("tarebench", "export", str(RUN), "--format", "bmf", "-o", "out/run.json")
    assert call(*command, cwd=tmp_path).returncode == 0
    content = json.loads((tmp_path / "out/run.json").read_text())
    assert "latency" in content["startup/time/exit[tarebox]"]
    again = call(*command, cwd=tmp_path)
    assert again.returncode == 9
    assert again.stderr == (
        "tarebench: out/run.json can't be written: file exists; "
        "choose another name, or force it to be replaced\n"
    )
    assert call(*command, "--force", cwd=tmp_path).returncode == 0


def test_the_last_run_is_printed(call, tmp_path) -> None:
    (tmp_path / "results/runs").mkdir(parents=True)
    (tmp_path / "results/runs/run.json").symlink_to(RUN)
    done = call("tarebench", "export", "--format", "openmetrics", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith("\n# EOF\n")


def test_faults_are_a_line(call, tmp_path) -> None:
    (tmp_path / "torn.json").write_text('{"tarebench": {"id": ')
    for arguments, code in (
        (("torn.json", "--format", "openmetrics"), 9),
        (("missing.json", "--format", "openmetrics"), 9),
        ((str(RUN), "--format", "xml"), 2),
        ((str(RUN), "--format", "github-action-benchmark"), 2),
        ((str(RUN), str(RUN), "--format", "openmetrics"), 9),
        (("--format", "openmetrics"), 9),
    ):
        done = call("tarebench", "export", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith("tarebench: ")
        assert done.stderr.count("\n") == 1
