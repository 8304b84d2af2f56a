from dataclasses import replace

from unfinished_run import unfinished_run

from bench.cost import Costs, earlier
from results import Kind
from results.run import Visited
from results.store import Store

KINDS = {"host": Kind.HOST, "runc": Kind.CONTAINER, "crun": Kind.CONTAINER, "vm-micro": Kind.VM}
RUN = unfinished_run(
    host={"machine": "00000000000000aa"},
    visits=(Visited("startup", "runc", 1, 2.0), Visited("startup", "runc", 2, 4.0)),
)


def test_a_visit_takes_what_like_visits_took() -> None:
    costs = Costs(KINDS, [RUN])
    assert costs.of("startup", "runc") == costs.of("startup", "crun") == 3.0
    assert (costs.known("startup", "runc"), costs.known("startup", "crun")) == (True, False)
    assert costs.of("cpu", "host") < costs.of("cpu", "runc") < costs.of("startup", "vm-micro")
    costs.add("startup", "crun", 7.0)
    assert (costs.of("startup", "crun"), costs.of("startup", "runc")) == (7.0, 3.0)


def test_only_runs_of_the_same_machine_and_profile_count(tmp_path) -> None:
    store = Store(tmp_path)
    store.save(RUN)
    store.save(replace(RUN, id="r2", profile="full"))
    store.save(replace(RUN, id="r3", host={"machine": "00000000000000bb"}))
    (tmp_path / "broken.json").write_text("{")
    assert earlier(store, "00000000000000aa", "quick") == [RUN]


def test_the_plan_is_shown_as_run_would_follow_it(call, tmp_path, nothing_left) -> None:
    choice = ("--profile", "smoke", "--subjects", "host,tarebox", "--scenarios", "startup", "--seed", "7")
    done = call("tarebench", "plan", *choice, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6, in the order of seed 7" in done.stdout
    assert "0 visits as in earlier runs" in done.stdout
    assert call("tarebench", "run", "--no-report", *choice, cwd=tmp_path).returncode == 0
    assert "6 visits as in earlier runs" in call("tarebench", "plan", *choice, cwd=tmp_path).stdout
