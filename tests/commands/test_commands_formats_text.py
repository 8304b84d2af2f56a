"""Templates, tables, sizes, durations and times, without a container."""

import json
import subprocess
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.commandline import formats, units
from runtime.commandline.template import Template
from runtime.commandline.template_functions import TemplateError
from tare.errors import UsageError

DATA = {
    "Id": "4f2a",
    "Name": "/web",
    "State": {"Running": True, "Pid": 7, "Error": ""},
    "Config": {"Labels": {"role": "<front>", "b": "2"}, "Env": ["A=1", "B=2"], "Empty": []},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "90/tcp": None}},
    "Ratio": 0.5,
    "Missing": None,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.Id}}", "4f2a"),
        ("{{ .State.Pid }}-{{.State.Running}}", "7-true"),
        ("{{$.Id}}{{.}}"[:8], "4f2a"),
        ("{{.Missing}}", "<no value>"),
        ("{{.Config.Env}}", "[A=1 B=2]"),
        ("{{.Config.Labels}}", "map[b:2 role:<front>]"),
        ("{{.Config.Labels.none}}", "<no value>"),
        ("{{json .Config.Labels}}", '{"role":"<front>","b":"2"}'),
        ("{{.State | json}}", '{"Running":true,"Pid":7,"Error":""}'),
        ('{{join .Config.Env ", "}}', "A=1, B=2"),
        ('{{index .Config.Labels "role"}}', "<front>"),
        ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"),
        ("{{index .Config.Env 1}}", "B=2"),
        ("{{len .Config.Env}}", "2"),
        ("{{range .Config.Env}}{{.}};{{end}}", "A=1;B=2;"),
        ("{{range .Config.Empty}}x{{else}}none{{end}}", "none"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "b=2 role=<front> "),
        ("{{range $i, $e := .Config.Env}}{{$i}}{{$e}} {{$.Id}} {{end}}", "0A=1 4f2a 1B=2 4f2a "),
        (
            "{{range $p, $c := .NetworkSettings.Ports}}"
            "{{$p}}{{with $c}}>{{(index . 0).HostPort}}{{end}} {{end}}",
            "80/tcp>8080 90/tcp ",
        ),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .State.Error}}bad{{else if .State.Pid}}pid{{else}}none{{end}}", "pid"),
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"),
        ("{{with .State}}{{.Pid}}{{end}}", "7"),
        ("{{with $s := .State}}{{$s.Pid}}{{end}}", "7"),
        ("{{$x := .Id}}{{if true}}{{$x}}{{end}}", "4f2a"),
        ('{{upper .Name}} {{lower "AB"}} {{title "ab"}}', "/WEB ab Ab"),
        ('{{index (split .Name "/") 1}}', "web"),
        (
            '{{printf "%s:%d %q %v%% %-4s|%5.1f" .Id .State.Pid .Id true "x" .Ratio}}',
            '4f2a:7 "4f2a" true% x   |  0.5',
        ),
        ("{{println .Id .State.Pid}}", "4f2a 7\n"),
        ("{{if and .Id (not .State.Error) (eq .State.Pid 1 7)}}y{{end}}", "y"),
        ("{{or .State.Error .Id}}", "4f2a"),
        ("{{and .State.Error .State.None}}", ""),
        ("{{if gt (len .Config.Env) 1}}many{{end}}", "many"),
        ("a  {{- .Id -}}  b{{/* nothing */}}", "a4f2ab"),
        ('{{`a"b`}}', 'a"b'),
        ("{{slice .Id 0 2}}{{truncate .Id 1}}{{pad .Id 1 1}}|", "4f4 4f2a |"),
        ("}} { {", "}} { {"),
    ],
)
def test_a_template_says_what_go_would(template, text):
    assert Template(template).render(DATA) == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{.Id", "not closed"),
        ("{{.Nmae}}", "there is no field .Nmae; there are Id, Name"),
        ("{{.Id.More}}", "no field .More"),
        ("{{if .Id}}", "no {{end}}"),
        ("{{end}}", "closes nothing"),
        ("{{else}}", "closes nothing"),
        ("{{if .Id}}{{else}}{{else}}{{end}}", "no {{end}}"),
        ("{{frob .Id}}", "no function is called 'frob'"),
        ("{{$y}}", "$y is not set"),
        ("{{if .Id}}{{$y := 1}}{{end}}{{$y}}", "$y is not set"),
        ("{{index .Config.Env 9}}", "no element 9"),
        ("{{len 3}}", "len can't be applied to 3"),
        ("{{join .Id}}", "join can't be applied"),
        ("{{.Id 1}}", "no function call"),
        ("{{(.Id}}", "parenthesis"),
        ("{{.Id)}}", "unexpected"),
        ("{{|}}", "missing"),
        ("{{.Id |}}", "missing"),
        ("{{range .Id}}{{end}}", "range can't go over"),
        ('{{template "x"}}', "no meaning"),
        ('{{"\\d"}}', "is no string"),
        ("{{#}}", "not understood"),
        ("{{" + "(" * 300 + ".Id" + ")" * 300 + "}}", "nested too deeply"),
        ("{{if .Id}}" * 300 + "{{end}}" * 300, "nested too deeply"),
        ('{{printf "%99999s" .Id}}', "width"),
    ],
)
def test_a_wrong_template_is_one_clear_line(template, said):
    with pytest.raises(TemplateError) as raised:
        Template(template).render(DATA)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "(",
        ")",
        ".",
        ".Id",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        "|",
        '"',
        "`",
        " ",
        "if",
        "else",
        "end",
        "range",
        "-",
        "with",
        "json",
        "len",
        "index",
        "printf",
        "print",
        '"%d"',
        "1",
        "and",
        "true",
        "x",
        "\n",
        "/*",
        "*/",
    ]
)


@given(st.lists(PIECES).map("".join) | st.text() | st.text().map("{{%s}}".__mod__))
def test_no_text_makes_a_template_fail_otherwise(text):
    with suppress(TemplateError):
        Template(text).render(DATA)


@given(st.text(alphabet=st.characters(exclude_characters="{")))
def test_text_without_actions_stays_as_it_is(text):
    assert Template(text).render({}) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_can_be_read_back(value):
    assert json.loads(Template("{{json .X}}").render({"X": value})) == value


@given(st.dictionaries(st.text(alphabet="abc", min_size=1), st.text(alphabet="xyz")))
def test_a_range_goes_over_all_of_a_map_in_order(value):
    text = Template("{{range $k, $v := .M}}{{$k}}={{$v}};{{end}}").render({"M": value})
    assert text == "".join(f"{key}={value[key]};" for key in sorted(value))


ROWS = [
    {"ID": "0123456789abcdef", "Names": "a", "CreatedAt": "x", "Label": {"k": "v"}.get},
    {"ID": "f" * 64, "Names": "longer", "CreatedAt": "y", "Label": {}.get},
]
COLUMNS = {"ID": "CONTAINER ID", "Names": "NAMES"}


def shown(capsys, **options) -> list[str]:
    formats.show(ROWS, columns=COLUMNS, **options)
    return capsys.readouterr().out.splitlines()


def test_a_table_is_aligned_as_dockers(capsys):
    assert shown(capsys) == ["CONTAINER ID   NAMES", "0123456789ab   a", "ffffffffffff   longer"]
    assert shown(capsys, format="table") == shown(capsys)


def test_a_table_has_the_columns_asked_for(capsys):
    lines = shown(capsys, format=r'table {{.Names}}\t{{upper .CreatedAt}}\t{{.Label "k"}}')
    assert [line.split() for line in lines] == [
        ["NAMES", "CREATED", "AT", "k"],
        ["a", "X", "v"],
        ["longer", "Y", "<no", "value>"],
    ]


def test_lists_are_ids_json_or_filled_in_templates(capsys):
    assert shown(capsys, quiet=True) == ["0123456789ab", "f" * 12]
    assert shown(capsys, quiet=True, no_trunc=True)[1] == "f" * 64
    first = json.loads(shown(capsys, format="json")[0])
    assert first == {"ID": "0123456789ab", "Names": "a", "CreatedAt": "x"}
    assert shown(capsys, format=r"{{.Names}}\t{{.ID}}")[0] == "a\t0123456789ab"


def test_an_empty_list_has_its_headings_only(capsys):
    formats.show([], columns=COLUMNS)
    assert capsys.readouterr().out == "CONTAINER ID   NAMES\n"
    formats.show([], columns=COLUMNS, format="table {{.Whatever}}")
    assert capsys.readouterr().out == "WHATEVER\n"


@pytest.mark.parametrize(
    ("count", "decimal", "binary"),
    [
        (0, "0B", "0B"),
        (999, "999B", "999B"),
        (1000, "1kB", "1000B"),
        (1234567, "1.23MB", "1.177MiB"),
        (999_999, "1MB", "976.6KiB"),
        (13107200, "13.1MB", "12.5MiB"),
        (10**30, "1000000YB", "8.272e+05YiB"),
    ],
)
def test_sizes_are_dockers(count, decimal, binary):
    assert units.size(count) == decimal
    if "e" not in binary:
        assert units.binary_size(count) == binary


@given(st.integers(0, 10**24))
def test_sizes_are_near_the_truth(count):
    for text, base, names in (
        (units.size(count), 1000, units._DECIMAL),
        (units.binary_size(count), 1024, units._BINARY),
    ):
        number = text.rstrip("kKiBMGTPEZY")
        scaled = float(number) * base ** names.index(text[len(number) :])
        assert scaled == pytest.approx(count, rel=0.006)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "Less than a second"),
        (1.5, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (180, "3 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (61 * 86400, "2 months"),
        (800 * 86400, "2 years"),
        (-5, "Less than a second"),
    ],
)
def test_durations_are_dockers_words(seconds, words):
    assert units.duration(seconds) == words
    assert units.ago(0, int(seconds * 1e9)) == f"{words} ago"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("1h", 3600),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("100ms", 0.1),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("3ns", 3e-9),
        ("-1s", -1),
        ("+1s", 1),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_durations_are_read_as_go_does(text, seconds):
    assert units.parse_duration(text) == pytest.approx(seconds)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(hours, minutes, seconds, milliseconds):
    text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert units.parse_duration(text) == pytest.approx(
        hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    )


@given(st.text())
def test_no_text_is_half_a_duration_or_time(text):
    for parse in (units.parse_duration, units.parse_time):
        try:
            parse(text)
        except UsageError as error:
            assert "\n" not in str(error) or "\n" in text


@pytest.mark.parametrize("text", ["", "s", "1", "10x", "1m 30s", "٣s", "1.2.3s"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError):
        units.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1767366245", 1767366245 * 10**9),
        ("1767366245.5", 17673662455 * 10**8),
        ("2026-01-02T15:04:05Z", 1767366245 * 10**9),
        ("2026-01-02T16:04:05+01:00", 1767366245 * 10**9),
        ("2026-01-02T15:04:05.123456789Z", 1767366245123456789),
        ("2026-01-02T15:04Z", 1767366240 * 10**9),
        ("10s", 90 * 10**9),
    ],
)
def test_times_are_read(text, moment):
    assert units.parse_time(text, 100 * 10**9) == moment


def test_a_time_without_zone_is_local():
    expected = datetime(2026, 1, 2).astimezone()
    assert units.parse_time("2026-01-02") == int(expected.timestamp()) * 10**9


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-01-02T25:00:00Z", "2026-01-02 10:00", "9" * 20]
)
def test_what_is_no_time(text):
    with pytest.raises(UsageError):
        units.parse_time(text)


@given(st.integers(0, 4 * 10**18))
def test_times_written_are_read_back(moment):
    assert units.parse_time(units.rfc3339(moment)) == moment


def test_a_time_in_a_list_is_readable():
    read = datetime.strptime(units.timestamp(1767366245 * 10**9).rsplit(" ", 1)[0], "%Y-%m-%d %H:%M:%S %z")
    assert read == datetime(2026, 1, 2, 15, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("utf-8", "\u00e4\u2026\udcff\\ud800".encode("utf-8", "surrogateescape")),
        ("latin-1", b"\xe4\\u2026\xff\\ud800"),
    ],
)
def test_what_cannot_be_encoded_is_printed_escaped(program, environment, encoding, printed):
    # An isolated interpreter heeds no environment.
    words = [word for word in program if word != "-I"]
    ended = subprocess.run(
        (*words, "network", "ls", "--format", b'\xc3\xa4{{"\\u2026"}}\xff{{"\\ud800"}}'),
        env={**environment, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.splitlines() == [printed]
