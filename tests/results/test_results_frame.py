import subprocess
import sys
from dataclasses import replace

from test_results_journal import FAILURE, RECORD, RUN

from results.frame import frame
from results.rows import COLUMNS, as_csv


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


def test_rows_are_written_as_a_frame_writes_them():
    record = replace(RECORD, samples=(0.1 + 0.2, 1e-7, 12345678.0, 3.0), notes='a "quoted", long\nnote')
    run = replace(RUN, records=(record, RECORD, FAILURE))
    assert as_csv([run]) == frame(run).to_csv(index=False)
    assert as_csv([run, RUN]) == as_csv([run])


def test_the_package_loads_without_the_heavy_libraries():
    check = "import sys, results; print({'numpy', 'pandas', 'jsonschema_rs'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "set()"
