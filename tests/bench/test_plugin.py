"""What the plugin spares pytest-benchmark."""

import subprocess
import sys

INTERRUPTED = """
import os
import pytest
from bench.plugin import Plugin

class Saver:
    pytest_benchmark_generate_json = Plugin.pytest_benchmark_generate_json

if __name__ == "__main__":
    options = ("-q", "-p", "no:cacheprovider", "--benchmark-json", os.devnull)
    raise SystemExit(pytest.main([*options, __file__], plugins=[Saver()]))

def test_one(benchmark):
    benchmark(lambda: None)

def test_two(benchmark):
    def begin():
        raise KeyboardInterrupt
    benchmark.pedantic(lambda: None, setup=begin)
"""


def test_an_interrupt_before_the_first_round_is_no_fault(environment, tmp_path) -> None:
    file = tmp_path / "test_interrupted.py"
    file.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, file], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "Wrote benchmark data" in done.stdout + done.stderr
