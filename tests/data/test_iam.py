"""IAM-OnDB: folders written here in its form, whole and damaged."""

import os
import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.iam import PUBLISHED, load_iam, read_transcription
from data.make_handwriting import made

HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
  <WhiteboardDescription>
    <SensorLocation corner="top_left"/>
    <DiagonallyOppositeCoords x="6512" y="1376"/>
    <VerticallyOppositeCoords x="966" y="1376"/>
    <HorizontallyOppositeCoords x="6512" y="787"/>
  </WhiteboardDescription>
"""
STROKES = [
    [(1073, 1058, 769.05), (1072, 1085, 769.07)],
    [(1176, 1237, 769.7), (1175, 1233, 769.72), (1014, 1243, 769.9)],
]
TEXTS = {  # two lines each
    "a01-000u": ("A MOVE to stop Mr. Gaitskell", "from nominating any more"),
    "a01-003": ("(1) is better", "& so on; #2?"),
    "b04-010x": ("Yes, said", 'the "judge"'),
    "h07-000a": ("Rent: 5/6", "[torn] + *"),
}
LISTS = {
    "trainset.txt": "a01-000u",
    "testset_v.txt": "a01-003",
    "testset_t.txt": "b04-010x",
    "testset_f.txt": "h07-000a",
}


def xml(strokes=STROKES):
    body = ""
    for stroke in strokes:
        points = "".join(f'      <Point x="{x}" y="{y}" time="{time}"/>\n' for x, y, time in stroke)
        body += f'    <Stroke colour="black" start_time="0" end_time="1">\n{points}    </Stroke>\n'
    return f"{HEAD}  <StrokeSet>\n{body}  </StrokeSet>\n</WhiteboardCaptureSession>\n"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("latin-1"))


def strokes_file(folder, name):
    return folder / "lineStrokes" / name[:3] / name[:7] / f"{name}.xml"


def text_file(folder, form):
    return folder / "ascii" / form[:3] / form[:7] / f"{form}.txt"


def transcription(*lines):
    return "OCR:\n\nA WRONG ONE\n\nCSR:\n\n" + "\n".join(lines) + "\n\n"


@pytest.fixture
def folder(tmp_path):
    for form, texts in TEXTS.items():
        write(text_file(tmp_path, form), transcription(*texts))
        for number in (1, 2):
            write(strokes_file(tmp_path, f"{form}-{number:02d}"), xml())
    for name, form in LISTS.items():
        write(tmp_path / name, f"{form}\n")
    return tmp_path


def test_lines_have_their_strokes_texts_and_parts(folder):
    corpus = load_iam(folder)
    parts = (corpus.training, corpus.validation, corpus.test)
    assert [[line.name for line in part] for part in parts] == [
        ["a01-000u-01", "a01-000u-02"],
        ["a01-003-01", "a01-003-02", "b04-010x-01", "b04-010x-02"],
        ["h07-000a-01", "h07-000a-02"],
    ]
    for part in parts:
        for line in part:
            assert line.writer == line.name[:-3] and line.text == TEXTS[line.writer][int(line.name[-2:]) - 1]
    line = corpus.training[0]
    np.testing.assert_array_equal(line.points[:, :2], [(x, y) for stroke in STROKES for x, y, _ in stroke])
    np.testing.assert_allclose(line.points[:, 2], [0, 0.02, 0.65, 0.67, 0.85], atol=1e-9)
    assert line.lifted.tolist() == [False, True, False, False, True]
    assert corpus.skipped == {}


def test_lines_that_the_program_wrote_come_back(folder):
    written = made(lines=2, validation=1, test=1).training
    write(text_file(folder, "a01-000u"), transcription(*(line.text for line in written)))
    for number, line in enumerate(written, start=1):
        strokes = np.split(line.points + (0, 0, 700), np.flatnonzero(line.lifted)[:-1] + 1)
        write(strokes_file(folder, f"a01-000u-{number:02d}"), xml([stroke.tolist() for stroke in strokes]))
    for line, read in zip(written, load_iam(folder).training):
        np.testing.assert_allclose(read.points, line.points - line.points[0] * (0, 0, 1), atol=1e-9)
        assert read.lifted.tolist() == line.lifted.tolist() and read.text == line.text


def test_the_source_says_how_many_lines_there_are_and_how_many_were_published(folder):
    """5,364, 1,438 + 1,518 and 3,859 lines: Graves et al. (TPAMI 2009), section 5."""
    assert PUBLISHED == {"training": 5364, "validation": 1438 + 1518, "test": 3859}
    assert load_iam(folder).source == (
        "IAM-OnDB, training 2 lines (published: 5364), validation 4 lines (published: 2956), test 2 lines (published: 3859)"
    )


def test_lists_may_have_blanks_and_lines_are_numbered_from_anything(folder):
    write(folder / "trainset.txt", "\r\n  a01-000u \r\n\r\n")
    for old, new in ((1, 0), (2, 11)):
        path = strokes_file(folder, f"a01-000u-{old:02d}")
        path.rename(path.with_name(f"a01-000u-{new:02d}.xml"))
    write(strokes_file(folder, "a01-000x-01"), xml())  # another form in the same folder
    assert [(line.name, line.text) for line in load_iam(folder).training] == [
        ("a01-000u-00", "A MOVE to stop Mr. Gaitskell"),
        ("a01-000u-11", "from nominating any more"),
    ]


@pytest.mark.parametrize(
    ("text", "strokes", "reason"),
    [
        ("it cost 5 % more", STROKES, "Received: '%', character 11 of 'it cost 5 % more'"),
        ("a caf\u00e9", STROKES, "Received: '\u00e9', character 6"),
        ("empty", [], "must have strokes. Received: none"),
        ("empty", [*STROKES, []], "must have points in each stroke. Received: none in stroke 3"),
        ("back", STROKES[::-1], "must have times that do not run backwards. Received: -0.65 s in point 4, after 0.2 s"),
        ("x", [[("", 5, 1)]], "must have points of x, y and time. Received: could not convert string to float: ''"),
        ("x", [[(1, "five", 1)]], "Received: could not convert string to float: 'five'"),
        ("x", [[(1, "nan", 1)]], "must have finite numbers of at most 1e+09. Received: 1, nan, 0 in point 1"),
        ("x", [[(1, 1, "inf")]], "must have finite numbers"),
        ("x", [[(1, 1, 5), (2, 1, 5)], [(1, 3, 9), (2, 3, 9)]], "must have times that run on within strokes, or none"),
        ("x", [[(1, 1, 5), (2, 1, 700)]], "must have a line of at most 600 s. Received: 695 s"),
    ],
)
def test_lines_of_no_use_are_skipped_and_named(folder, text, strokes, reason, capsys):
    write(text_file(folder, "a01-000u"), transcription(text, "kept"))
    write(strokes_file(folder, "a01-000u-01"), xml(strokes))
    corpus = load_iam(folder)
    assert [line.name for line in corpus.training] == ["a01-000u-02"] and list(corpus.skipped) == ["a01-000u-01"]
    assert corpus.skipped["a01-000u-01"].startswith("a01-000u-01 must") and reason in corpus.skipped["a01-000u-01"]
    assert "training 1 lines" in corpus.source
    assert capsys.readouterr().out == f"skipped {corpus.skipped['a01-000u-01']}\n"


def test_forms_with_other_numbers_of_texts_and_strokes_are_skipped(folder, capsys):
    strokes_file(folder, "b04-010x-01").unlink()
    corpus = load_iam(folder)
    assert [line.writer for line in corpus.validation] == ["a01-003", "a01-003"]
    why = "b04-010x must have as many lines of strokes as of text, 2. Received: 1"
    assert corpus.skipped == {"b04-010x-01": why, "b04-010x-02": why} and capsys.readouterr().out == f"skipped {why}\n"


def test_a_comment_and_an_attribute_that_is_missing(folder):
    content = xml().replace("<StrokeSet>", "<!-- a comment --><StrokeSet>").replace(' time="769.07"', "", 1)
    write(strokes_file(folder, "a01-000u-01"), content)
    assert "must have points of x, y and time" in load_iam(folder).skipped["a01-000u-01"]


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (xml()[:-30], "a01-000u-01.xml must be XML. Received: unclosed token"),
        ("", "a01-000u-01.xml must be XML. Received: no element found"),
        (b"\x00\xff\xfe", "a01-000u-01.xml must be XML. Received: syntax error"),
        (BOMB, "a01-000u-01.xml must be XML without entities of its own. Received: some"),
        (OUTSIDE, "a01-000u-01.xml must be XML without entities of its own. Received: some"),
        ('<?xml version="1.0" encoding="klingon"?><x/>', "a01-000u-01.xml must be XML. Received: unknown encoding"),
    ],
)
def test_damaged_strokes_are_an_error(folder, content, message):
    write(strokes_file(folder, "a01-000u-01"), content)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_iam(folder)


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_list_is_an_error(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"`iam` must have the list {name} of the task. Received: no such file in"):
        load_iam(folder)


def test_missing_transcriptions_are_counted(folder):
    for form in ("b04-010x", "h07-000a"):
        text_file(folder, form).unlink()
    with pytest.raises(
        ValueError, match="a transcription of each of 4 forms. Received: 2 without, the first .*b04-010x.txt"
    ):
        load_iam(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a01-000u\n../../secret\n",
            "trainset.txt must name forms such as a01-000u, one a line. Received: '../../secret'",
        ),
        ("a01-000u-01\n", "Received: 'a01-000u-01'"),
        ("a01-000u a01-003\n", "Received: 'a01-000u a01-003'"),
        (b"\xff\xfe", "trainset.txt must be text in UTF-8"),
        ("a01-000u\nh07-000a\n", "must have lists that name a form once. Received: h07-000a twice"),
        ("\n", "must have lines for each part. Received: none for training, 0 skipped"),
    ],
)
def test_lists_of_no_use(folder, content, message):
    write(folder / "trainset.txt", content)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_iam(folder)


def test_a_folder_without_lines_and_no_folder(folder, tmp_path):
    for path in folder.glob("lineStrokes/*/*/*.xml"):
        path.unlink()
    with pytest.raises(ValueError, match="must have lines for each part. Received: none for training, 8 skipped"):
        load_iam(folder)
    with pytest.raises(ValueError, match="`iam` must be the folder of IAM-OnDB. Received: .*nowhere"):
        load_iam(tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["", "OCR:\n\nA MOVE\n", "CSR:\n\n \n", "say CSR:\nA MOVE\n"])
def test_a_text_without_lines(tmp_path, content):
    write(tmp_path / "a.txt", content)
    with pytest.raises(ValueError, match="a.txt must have lines of text below a line CSR:. Received: none"):
        read_transcription(tmp_path / "a.txt")


def test_strange_characters_end_no_line(tmp_path):
    """The ellipsis of Windows-1252, which Unicode takes for the end of a line, and a form feed."""
    (tmp_path / "a.txt").write_bytes(b"CSR:\nwait\x85 and see\nso\x0con\n")
    assert read_transcription(tmp_path / "a.txt") == ["wait\x85 and see", "so\x0con"]


def test_a_text_of_windows(tmp_path):
    write(tmp_path / "a.txt", "OCR:\r\n\r\nNO\r\n\r\nCSR: \r\n\r\nA MOVE \r\nto stop\r\n")
    assert read_transcription(tmp_path / "a.txt") == ["A MOVE", "to stop"]


@given(content=st.binary(max_size=200) | st.text("<>/StrokeSetPoint xy=\"'0123&;", max_size=120).map(str.encode))
def test_any_strokes_are_read_skipped_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("iam")
    for form, texts in TEXTS.items():
        write(text_file(folder, form), transcription(*texts))
        for number in (1, 2):
            write(strokes_file(folder, f"{form}-{number:02d}"), content if (form, number) == ("a01-003", 1) else xml())
    for name, form in LISTS.items():
        write(folder / name, f"{form}\n")
    try:
        corpus = load_iam(folder)
    except ValueError as error:
        assert "a01-003-01.xml must be XML" in str(error) and "\n" not in str(error)
    else:
        assert "a01-003-01" in corpus.skipped


def test_a_pipe_among_the_strokes_is_refused_and_not_waited_for(folder):
    path = next(folder.glob("lineStrokes/**/*.xml"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match=f"{path.name} must be a file. Received: another thing"):
        load_iam(folder)


def test_very_long_lists_are_refused_in_time(folder):
    began = time.perf_counter()
    (folder / "trainset.txt").write_text("".join(f"a{n // 1000:02}-{n % 1000:03}z\n" for n in range(50_000)))
    with pytest.raises(ValueError, match="must have a transcription of each of 5000. forms. Received: 50000 without"):
        load_iam(folder)
    assert time.perf_counter() - began < 5
