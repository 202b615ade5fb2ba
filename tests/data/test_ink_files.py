"""Ink of one's own: InkML, JSON and CSV, what is read of them, and what is refused."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.ink_files import read_ink

POINTS = [[10, 20, 0], [11, 21.5, 0.02], [30, -20, 0.5], [31, 21, 0.51], [32, 22, 0.6]]
LIFTED = [False, True, False, False, True]


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def inkml(*traces, form="", space=' xmlns="http://www.w3.org/2003/InkML"'):
    body = "".join(f"<trace>{trace}</trace>" for trace in traces)
    return f'<?xml version="1.0"?><ink{space}>{form}{body}</ink>'


def channels(*names, units=""):
    inner = "".join(f'<channel name="{name}" type="decimal"{units if name == "T" else ""}/>' for name in names)
    return f"<definitions><traceFormat>{inner}</traceFormat></definitions>"


SECONDS = ' units="s"'
SAME = [
    ("a.inkml", inkml("10 20 0, 11 21.5 20", "30 -20 500,31 21 510,\n 32\t22 600 ")),
    ("a.InkML", inkml("10 20 0, 11 21.5 20", "30 -20 500,31 21 510, 32 22 6e2", form=channels("X", "Y", "T"), space="")),
    ("a.xml", inkml("0 20 1 10,.02 21.5 1 11", ".5 -20 1 30,.51 21 1 31,.6 22 1 32", form=channels("T", "Y", "F", "X", units=SECONDS))),
    ("a.inkml", inkml("10 20 5000, 11 21.5 5020", "30 -20 5500,31 21 5510,32 22 5600").replace("<trace>30", '<trace type="penUp">1 1 1</trace><traceGroup><trace>30').replace("</ink>", "</traceGroup></ink>")),
    ("a.json", "[[[10, 20, 7.0], [11, 21.5, 7.02]], [[30, -20, 7.5], [31, 21, 7.51], [32, 22, 7.6]]]"),
    ("a.csv", "stroke,x,y,t\n1,10,20,0\n1,11,21.5,0.02\n2,30,-20,0.5\n2,31,21,0.51\n2,32,22,0.6\n"),
    ("a.csv", "time,stroke,x,y\n0,1,10,20\n0.02,1,11,21.5\n0.5,2,30,-20\n0.51,2,31,21\n0.6,2,32,22\n"),
    ("a.CSV", "t;y;x;stroke;pressure\n1,0;20;10;0;5\n1,02;21,5;11;0;5\n1,5;-20;30;3;5\n1,51;21;31;3;5\n1,6;22;32;3;5\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content"), SAME)
def test_the_same_ink_in_all_forms(file, name, content):
    path = file(name, content)
    line = read_ink(path)
    np.testing.assert_allclose(line.points, POINTS, atol=1e-9)
    assert line.lifted.tolist() == LIFTED and line.points.dtype == float
    assert (line.text, line.writer, line.name) == ("", "", str(path))


def test_traces_begin_at_their_offsets_and_definitions_are_no_ink(file):
    """As InkML 1.0 has it: timeOffset is in milliseconds, and what is in definitions is there to be referred to."""
    defined = "<definitions><trace>0 0 0, 9 9 9</trace></definitions>"
    traces = '<trace>10 20 0, 11 21.5 20</trace><trace timeOffset="500">30 -20 0, 31 21 10</trace>'
    line = read_ink(file("a.inkml", f"<ink>{defined}{traces}</ink>"))
    np.testing.assert_allclose(line.points[:, 2], [0, 0.02, 0.5, 0.51], atol=1e-12)
    np.testing.assert_array_equal(line.points[:, 0], [10, 11, 30, 31])


WITHOUT_TIMES = [
    ("a.inkml", inkml("10 20, 11 21.5", "30 -20,31 21,32 22")),
    ("a.inkml", inkml("20 10, 21.5 11", "-20 30,21 31,22 32", form=channels("Y", "X"))),
    ("a.json", "[[[10, 20], [11, 21.5]], [[30, -20], [31, 21], [32, 22]]]"),
    ("a.csv", "stroke,x,y\n1,10,20\n1,11,21.5\n2,30,-20\n2,31,21\n2,32,22\n"),
]


@pytest.mark.parametrize(("name", "content"), WITHOUT_TIMES)
def test_points_without_times_are_10_ms_apart(file, name, content):
    line = read_ink(file(name, content))
    np.testing.assert_array_equal(line.points[:, :2], np.array(POINTS)[:, :2])
    np.testing.assert_allclose(line.points[:, 2], [0, 0.01, 0.02, 0.03, 0.04], atol=1e-12)
    assert line.lifted.tolist() == LIFTED


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.svg", "<svg/>", "`read` must be a file .inkml, .xml, .json, .csv. Received: "),
        ("a", "", "`read` must be a file"),
        ("a.inkml", "<ink><trace>1 2</trace>", "a.inkml must be XML. Received: no element found"),
        ("a.inkml", "", "a.inkml must be XML"),
        ("a.inkml", b"\xff\xfe\x00", "a.inkml must be XML"),
        ("a.inkml", '<!DOCTYPE ink [<!ENTITY a "1 2">]><ink><trace>&a;</trace></ink>', "a.inkml must be XML without entities of its own"),
        ("a.inkml", "<svg/>", "a.inkml must be InkML, with <ink> around all. Received: <svg>"),
        ("a.inkml", inkml(), "a.inkml must have strokes. Received: none"),
        ("a.inkml", inkml("1 2", " "), "a.inkml must have points in each stroke. Received: none in stroke 2"),
        ("a.inkml", inkml(""), "Received: none in stroke 1"),
        ("a.inkml", inkml("1 2, 3"), "must have numbers X Y for each point. Received: '3' in point 2 of trace 1"),
        ("a.inkml", inkml("1 2 3, 3 4"), "must have numbers X Y T for each point. Received: '3 4' in point 2 of trace 1"),
        ("a.inkml", inkml("1 2 3 4"), "must have numbers X Y T for each point. Received: '1 2 3 4' in point 1 of trace 1"),
        ("a.inkml", inkml("1 2", "'3 \"4"), "Received: '\\'3 \"4' in point 1 of trace 2"),
        ("a.inkml", inkml("1 nan"), "Received: '1 nan' in point 1 of trace 1"),
        ("a.inkml", inkml("1 1_0"), "Received: '1 1_0' in point 1 of trace 1"),
        ("a.inkml", inkml("1 1e999"), "must have finite numbers of at most 1e+09. Received: 1, inf, 0 in point 1"),
        ("a.inkml", inkml("1 2, ,3 4"), "Received: '' in point 2 of trace 1"),
        ("a.inkml", inkml("1 2 5, 1 2 4"), "must have times that do not run backwards"),
        ("a.inkml", inkml("1 2 5", "1 2"), "a.inkml must have times for all points or for none. Received: some"),
        ("a.inkml", inkml("1 2", form=channels("X", "Z")), "must have the channels X and Y once. Received: X Z"),
        ("a.inkml", inkml("1 2 3", form=channels("X", "Y", "T", units=' orientation="-ve"')), "must have channels that grow (orientation +ve). Received: T with -ve"),
        ("a.inkml", f"<?xml version='1.0' encoding='{'a' * 5000}'?><ink/>", "a.inkml must be XML. Received: "),
        ("a.inkml", inkml("1 2") + " " * 2**24, "a.inkml must have at most 16 MiB, as of one line. Received: 16 MiB"),
        ("a.inkml", inkml("1 2", form=channels()), "must have the channels X and Y once. Received: none"),
        ("a.inkml", inkml("1 2 3", form=channels("X", "Y", "X")), "must have the channels X and Y once. Received: X Y X"),
        ("a.inkml", inkml("1 2 3", form=channels("X", "Y", "T", units=' units="year"')), "must have times in s or ms. Received: year"),
        ("a.inkml", inkml("1 2", form=channels("X", "Y").replace('"X"', '"X" units="mm"')), "must have the channels X and Y in one unit. Received: None and mm"),
        ("a.inkml", '<ink><trace continuation="begin">1 2 3</trace></ink>', "must have each stroke in one trace. Received: one with continuation begin"),
        ("a.inkml", '<ink><trace timeOffset="now">1 2 3</trace></ink>', "must have a number as timeOffset of trace 1. Received: 'now'"),
        ("a.inkml", inkml("1 2", form=channels("X", "Y") + channels("Y", "X")), "must have one <traceFormat>. Received: 2"),
        ("a.inkml", inkml("1 2 0, 2 3 600001"), "a.inkml must have a line of at most 600 s. Received: 600.001 s"),
        ("a.json", "[[[1, 2]]", "a.json must be JSON. Received: "),
        ("a.json", b"\xff", "a.json must be JSON. Received: "),
        ("a.json", "[" * 100_000, "a.json must be JSON. Received: "),
        ("a.json", '{"strokes": []}', "must be a list of strokes, each a list of points. Received: {'strokes': []}"),
        ("a.json", "[1, 2]", "must be a list of strokes, each a list of points. Received: [1, 2]"),
        ("a.json", "[]", "a.json must have strokes. Received: none"),
        ("a.json", "[[[1, 2]], []]", "must have points in each stroke. Received: none in stroke 2"),
        ("a.json", "[[[1, 2], [3]]]", "must have points of x, y and seconds, or of x and y. Received: [3] in point 2 of stroke 1"),
        ("a.json", "[[[1, 2], [3, 4, 5]]]", "Received: [3, 4, 5] in point 2 of stroke 1"),
        ("a.json", "[[[1, 2]], [[3, 4, 5]]]", "a.json must have times for all points or for none. Received: some"),
        ("a.json", "[[[1, 2, 3, 4]]]", "Received: [1, 2, 3, 4] in point 1 of stroke 1"),
        ("a.json", "[[[1, true]]]", "Received: [1, True] in point 1 of stroke 1"),
        ("a.json", '[[["1", 2]]]', "Received: ['1', 2] in point 1 of stroke 1"),
        ("a.json", "[[[1, null]]]", "Received: [1, None] in point 1 of stroke 1"),
        ("a.json", "[[1, 2]]", "Received: 1 in point 1 of stroke 1"),
        ("a.json", "[[[1, NaN]]]", "must have finite numbers"),
        ("a.json", "[[[1, 1" + "0" * 400 + "]]]", "must have numbers of at most 1e308. Received: a larger one in stroke 1"),
        ("a.json", "[[[1, 2, 0], [1, 2, 9000]]]", "a.json must have a line of at most 600 s. Received: 9000 s"),
        ("a.csv", "x,y\n1,2\n", "a.csv must have columns stroke, x, y. Received: x, y"),
        ("a.csv", "1,2,3\n4,5,6\n", "a.csv must have columns stroke, x, y. Received: 1, 2, 3"),
        ("a.csv", "stroke,x,y,ms\n1,2,3,4\n", "a.csv must name times t or time, where it has any. Received: ms"),
        ("a.csv", "stroke,x,y,t,time\n1,2,3,4,4\n", "a.csv must name times t or time, where it has any. Received: t, time"),
        ("a.csv", "stroke,x,y\n", "a.csv must hold rows of values. Received: none below the names"),
        ("a.csv", "", "a.csv must"),
        ("a.csv", "stroke,x,y\n1,2,3\n1,,3\n1,2,3\n", "a.csv must have a number in each row. Received: no value in row 3 of column 'x'"),
        ("a.csv", "stroke,x,y\n1,2,3\n1,two,3\n1,2,3\n", "Received: 'two' in row 3 of column 'x'"),
        ("a.csv", "stroke,x,y\n1,2,3\n2,2,3\n1,2,3\n", "must have the rows of a stroke beside each other. Received: stroke 1 twice"),
        ("a.csv", "stroke,x,y,t\n1,2,3,1\n1,2,3,0\n", "must have times that do not run backwards"),
        ("a.csv", "stroke,x,y,t\n1,0,0,5\n2,0,1,5\n2,0,1,5\n3,0,0,6\n3,9,9,6\n3,0,9,6\n", "a.csv must have times that run on within strokes, or none. Received: one for each stroke"),
        ("a.json", "[[[1, 2, -1.7e308], [1, 2, 1.7e308]]]", "must have finite numbers of at most 1e+09. Received: 1, 2, inf in point 2"),
        ("a.csv", 'stroke;x;y\n1;1,100;0.5\n1;1,101;1.5\n', "a.csv must have one decimal sign, and none for thousands. Received: commas in column 'x' and points in column 'y'"),
        ("a.csv", "stroke,x,x,y\n1,2,3,1\n", "`read` must name one column"),
        ("a.csv", b"stroke,x,y\n1,2,\xff\n", "a.csv must be text in UTF-8"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_refuses(file, name, content, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_ink(file(name, content))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_refuses_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ValueError, match="`read` must be a file that exists. Received: "):
            read_ink(path)


coordinates = st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6)
strokes = st.lists(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=5), min_size=1, max_size=4)


@given(strokes=strokes)
def test_any_strokes_are_read_alike_from_all_forms(tmp_path_factory, strokes):
    folder = tmp_path_factory.mktemp("ink")
    rows = "".join(f"{number},{x!r},{y!r}\n" for number, stroke in enumerate(strokes) for x, y in stroke)
    (folder / "a.csv").write_text("stroke,x,y\n" + rows)
    (folder / "a.json").write_text(json.dumps(strokes))
    (folder / "a.inkml").write_text(inkml(*(", ".join(f"{x!r} {y!r}" for x, y in stroke) for stroke in strokes)))
    for path in folder.iterdir():
        line = read_ink(path)
        np.testing.assert_allclose(line.points[:, :2], [point for stroke in strokes for point in stroke], rtol=1e-12)
        assert (np.flatnonzero(line.lifted) + 1).tolist() == np.cumsum([len(stroke) for stroke in strokes]).tolist()


PIECES = st.sampled_from(["<ink>", "</ink>", "<trace>", "</trace>", "1 2", ",", " ", "[", "]", "{", "1", "2.5", "-", "stroke,x,y\n", "\n", ";", "nan", "é", "\0"])  # fmt: skip


@given(pieces=st.lists(PIECES, max_size=14), suffix=st.sampled_from([".inkml", ".json", ".csv"]))
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, pieces, suffix):
    path = tmp_path_factory.mktemp("ink") / f"a{suffix}"
    path.write_text("".join(pieces))
    try:
        line = read_ink(path)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert np.isfinite(line.points).all() and line.lifted[-1]
