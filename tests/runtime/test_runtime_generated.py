"""The methods that `dataclasses` writes, compiled beforehand."""

import marshal
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
USE = """
from runtime.spec import Limits
limits = Limits(pids=5)
print(limits, limits == Limits(pids=5), hash(limits) == hash(Limits(pids=5)))
"""
SHOWN = "Limits(memory=None, cpus=None, pids=5) True True\n"


def run(program: str, *arguments: str, **options) -> "subprocess.CompletedProcess":
    program = (
        f"import sys; sys.path.append({str(PROJECT)!r})\nfrom runtime.commandline import generated\n{program}"
    )
    command = [sys.executable, "-S", "-I", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, check=False, **options)


def recorded(file: Path) -> dict[str, bytes]:
    written = run("sys.stdout.buffer.write(generated.record(sys.argv[1:]))", "runtime.spec", "no.such.module")
    file.write_bytes(written.stdout)
    return marshal.loads(written.stdout)[1]


def test_classes_are_what_they_would_be_without_it(tmp_path) -> None:
    recorded(tmp_path / "file")
    for file in (tmp_path / "file", tmp_path / "none"):
        assert run(f"generated.install({str(file)!r})\n{USE}", text=True).stdout == SHOWN


def test_code_comes_from_the_file(tmp_path) -> None:
    broken = marshal.dumps(compile("raise SystemExit(42)", "", "exec"))
    install = f"generated.install({str(tmp_path / 'file')!r})\n{USE}"
    known = dict.fromkeys(recorded(tmp_path / "file"), broken)
    version, _, patterns = marshal.loads((tmp_path / "file").read_bytes())
    (tmp_path / "file").write_bytes(marshal.dumps((version, known, patterns)))
    assert run(install).returncode == 42
    (tmp_path / "file").write_bytes(marshal.dumps((("another",), known, patterns)))
    assert run(install).returncode == 0


def test_patterns_from_the_file_match_as_they_would_without_it(tmp_path) -> None:
    recorded(tmp_path / "file")
    use = """
import re
from runtime import spec
pattern = re.compile(r"(?i:(?P<number>\\d+)(?P<unit>[kmgt]?))x*", re.ASCII)
print(pattern.fullmatch("12Kxx").groupdict(), pattern, pattern.groups, pattern.flags)
for name, pattern in sorted(vars(spec).items()):
    if isinstance(pattern, re.Pattern):
        print(name, pattern, pattern.flags, pattern.groups, pattern.groupindex)
        print([bool(pattern.fullmatch(text)) for text in ("12k", "12MiB", "a-b", "-", "", "A" * 70)])
"""
    shown = [
        run(f"{first}\n{use}", text=True).stdout
        for first in ("", f"generated.install({str(tmp_path / 'file')!r})")
    ]
    assert shown[0] == shown[1] != ""


def test_shared_methods_mean_what_the_written_ones_do() -> None:
    use = """
import dataclasses
results = []
for frozen in (False, True):
    for names in ("", "a", "ab", "abc"):
        made = dataclasses.make_dataclass(
            "Made", [(name, object, dataclasses.field(default=1)) for name in names],
            frozen=frozen, order=True, namespace={"__doc__": "Made."},
        )
        class Derived(made):
            "With an attribute of its own."
        one, same, other = made(), made(), made(*[2 for _ in names])
        results += [repr(one), repr(Derived()), one == same, one == other, one < other, one == 5]
        results.append(Derived() == one)
        results.append(hash(one) == hash(same) if frozen else made.__hash__)
        derived = Derived()
        derived.own = 5
        del derived.own
        for target, name in ((one, "a"), (one, "new"), (derived, "a")):
            for change in (lambda: setattr(target, name, 3), lambda: delattr(target, name)):
                try:
                    change()
                    results.append("done")
                except AttributeError as error:
                    results += [type(error).__name__, str(error)]
        nan = float("nan")
        results += [made(*[nan for _ in names]) == made(*[nan for _ in names]), made.__eq__.__qualname__]
one = dataclasses.make_dataclass("Loop", ["inner"], namespace={"__doc__": "Loop."})(None)
one.inner = one
print(results, one)
"""
    written = run(use, text=True)
    shared = run(
        f"from runtime.commandline import shared_methods; shared_methods.install()\n{use}", text=True
    )
    assert written.returncode == 0, written.stderr
    assert shared.stdout == written.stdout
    assert shared.stderr == ""
