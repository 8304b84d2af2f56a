import subprocess
import sys
from dataclasses import replace

from test_results_journal import FAILURE, RECORD, RUN

from results.frame import COLUMNS, frame


def test_one_row_a_sample_and_failures_kept():
    table = frame(replace(RUN, records=(RECORD, FAILURE)))
    assert tuple(table.columns) == COLUMNS
    assert table["value"].tolist()[:2] == [0.25, 0.5]
    assert table["kind"].tolist() == ["container", "container", "vm"]
    failed = table[~table["valid"]]
    assert failed["value"].isna().all()
    assert failed["notes"].tolist() == ["not ready in 30 s"]


def test_an_empty_run_is_an_empty_frame():
    assert frame(RUN).empty


def test_the_package_loads_without_the_heavy_libraries():
    check = "import sys, results; print({'numpy', 'pandas', 'jsonschema_rs'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "set()"
