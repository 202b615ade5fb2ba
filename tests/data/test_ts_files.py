"""The archive's `.ts` files: what is read of them, and what is refused."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import text
from data.ts_files import read_ts

HEAD = "# from the archive\n@problemName Two\n@timeStamps false\n@missing true\n"


@pytest.fixture
def ts(tmp_path):
    """Write a file and return its path."""

    def write(content):
        path = tmp_path / "a.ts"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_classes_unequal_lengths_and_missing_values(ts):
    content = HEAD + (
        "@univariate false\n@dimensions 2\n@equalLength false\n@classLabel true Walk run\n% a comment\n@data\n"
        "1,2.5,-3e2:4,?,6:Walk\n\n 7 , 8 : nan , 10 : run \n"
    )
    archive = read_ts(ts(content))
    np.testing.assert_array_equal(archive.values[0], [[1, 4], [2.5, np.nan], [-300, 6]])
    np.testing.assert_array_equal(archive.values[1], [[7, np.nan], [8, 10]])
    assert len(archive.values) == 2 and archive.values[0].dtype == float
    assert archive.answers.tolist() == ["Walk", "run"] and archive.answer == "classLabel"


def test_numbers_as_answers_tags_in_any_case_and_windows_line_ends(ts):
    content = "\ufeff@PROBLEMNAME x\n@Univariate TRUE\n@equallength true\n@serieslength 2\n@targetlabel true\n@DATA\n1,2:0.5\n3,4:-1e3\n"
    archive = read_ts(ts(content.replace("\n", "\r\n")))
    np.testing.assert_array_equal(archive.values, [[[1], [2]], [[3], [4]]])
    np.testing.assert_array_equal(archive.answers, [0.5, -1000])
    assert archive.answer == "targetLabel"


def test_a_file_may_hold_no_answers(ts):
    archive = read_ts(ts("@classLabel false\n@data\n1,2:3,4\n"))
    assert archive.answers is None
    np.testing.assert_array_equal(archive.values, [[[1, 3], [2, 4]]])


CLASSES = "@classLabel true a b\n@data\n"


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "a.ts must have a line @data before its sequences. Received: none"),
        ("@problemName x\n", "must have a line @data before its sequences. Received: none"),
        (CLASSES, "a.ts must hold sequences below @data. Received: none"),
        ("1,2:a\n", "must have a line of the header such as @classLabel true a b, or @data before the sequences in line 1. Received: 1,2:a"),
        ("@timeStamps true\n@data\n(0,1):a\n", "must have @timeStamps false: values without times in line 1. Received: true"),
        ("@missing maybe\n", "must have @missing with true or false in line 1. Received: maybe"),
        ("@univariate\n", "must have @univariate with true or false in line 1. Received: nothing"),
        ("@dimension two\n", "must have @dimension with a number from 1 in line 1. Received: two"),
        ("@seriesLength 0\n", "must have @seriesLength with a number from 1 in line 1. Received: 0"),
        ("@classLable true a b\n", "must have one of .* in line 1. Received: @classLable; did you mean @classLabel"),
        ("@classLabel true\n", "must have @classLabel true with the names of the classes in line 1. Received: no names"),
        ("@classLabel true a\n@targetlabel true\n@data\n", "must have either @classLabel or @targetLabel in line 3. Received: both"),
        ("@univariate true\n" + CLASSES + "1:2:a\n", "must have one dimension, as @univariate true says in line 4. Received: 2"),
        ("@dimensions 3\n" + CLASSES + "1:2:a\n", "must have 3 dimensions, as the header says in line 4. Received: 2"),
        ("@equalLength true\n@seriesLength 3\n" + CLASSES + "1,2:a\n", "must have 3 values, as @seriesLength says in line 5. Received: 2"),
        ("@equalLength true\n" + CLASSES + "1,2:a\n1:b\n", "must have 2 values, as @equalLength true says in line 5. Received: 1"),
        (CLASSES + "1:2:a\n1:b\n", "must have as many dimensions as before, 2 in line 4. Received: 1"),
        (CLASSES + "1,2:3:a\n", "must have dimensions of one length in line 3. Received: 2, 1"),
        (CLASSES + "1,2\n", "must have values, a colon and the answer in line 3. Received: no colon"),
        (CLASSES + "1,2:B\n", "must have one of the classes a, b behind the last colon in line 3. Received: 'B'; did you mean b"),
        (CLASSES + "1,x:a\n", "must have finite numbers or . between commas in line 3. Received: 'x' in dimension 1"),
        (CLASSES + "1:1_0:a\n", "Received: '1_0' in dimension 2"),
        (CLASSES + "1,inf:a\n", "Received: 'inf' in dimension 1"),
        (CLASSES + "1,1e999:a\n", "Received: '1e999' in dimension 1"),
        (CLASSES + "1,?4:a\n", "Received: '.4' in dimension 1"),
        (CLASSES + "1,,2:a\n", "Received: an empty value in dimension 1"),
        ("@targetLabel true\n@data\n1:x\n", "must have a finite number behind the last colon in line 3. Received: 'x'"),
        ("@targetLabel true\n@data\n1:?\n", "must have a finite number behind the last colon in line 3. Received: '.'"),
        (b"@data\n\xff\xfe\n", "a.ts must be text in UTF-8. Received: other bytes in line 2"),
        (b"@data\n1,\0\n", "a.ts must be text. Received: a zero byte in line 2"),
    ],
)  # fmt: skip
def test_refuses(ts, content, message):
    with pytest.raises(ValueError, match=message):
        read_ts(ts(content))


def test_a_line_without_end_is_refused_unread(ts, monkeypatch):
    monkeypatch.setattr(text, "LONGEST", 100)
    with pytest.raises(ValueError, match="a.ts must have lines of at most 100 bytes. Received: more in line 3"):
        read_ts(ts(CLASSES + "1," * 100 + "1:a\n"))


VALUES = st.floats(allow_infinity=False, width=32)


@given(
    sequences=st.integers(1, 3).flatmap(
        lambda features: st.lists(
            st.integers(1, 4).flatmap(
                lambda length: st.lists(
                    st.lists(VALUES, min_size=length, max_size=length), min_size=features, max_size=features
                )
            ),
            min_size=1,
            max_size=4,
        )
    )
)
def test_what_is_written_is_read_exactly(tmp_path_factory, sequences):
    path = tmp_path_factory.mktemp("ts") / "a.ts"
    cell = lambda value: "?" if np.isnan(value) else repr(value)  # noqa: E731
    lines = [":".join(",".join(map(cell, dimension)) for dimension in sequence) + ":b" for sequence in sequences]
    path.write_text(CLASSES + "\n".join(lines))
    archive = read_ts(path)
    assert archive.answers.tolist() == ["b"] * len(sequences)
    for values, sequence in zip(archive.values, sequences):
        np.testing.assert_array_equal(values, np.transpose(sequence))


@given(
    content=st.lists(st.sampled_from([*"@:,?01a \n", "@data\n", "@classLabel true a\n", "@dimension 2\n", "1,2:a\n"]))
)
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("ts") / "a.ts"
    path.write_text("".join(content))
    try:
        archive = read_ts(path)
    except ValueError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
        return
    assert len({values.shape[1] for values in archive.values}) == 1


def test_very_many_lines_or_classes_do_not_take_long(ts):
    began = time.perf_counter()
    with pytest.raises(ValueError, match="must have at most 10000 lines above @data. Received: more"):
        read_ts(ts("@own x\n" * 100_000 + "@data\n1:a\n"))
    classes = [f"c{number}" for number in range(20_000)]
    lines = "\n".join(f"1:{name}" for name in classes)
    assert len(read_ts(ts(f"@classLabel true {' '.join(classes)}\n@data\n{lines}\n")).values) == 20_000
    assert time.perf_counter() - began < 5
    with pytest.raises(ValueError, match="must have @seriesLength with a number from 1 in line 1"):
        read_ts(ts(f"@seriesLength {'9' * 5000}\n@data\n1\n"))
