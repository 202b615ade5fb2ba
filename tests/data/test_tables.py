"""Tables: what is read of CSV files as people have them, and what is refused."""

import csv
import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.tables import read_column, read_table


@pytest.fixture
def table(tmp_path):
    """Write a table and return its path."""

    def write(content, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize(
    "content, encoding",
    [
        ("time,value\n0,1.5\n1,-2\n2,30\n", "utf-8"),
        (
            "time,value\r\n0,1.5\r\n1,-2\r\n2,30\r\n\r\n\r\n",
            "utf-8-sig",
        ),  # as Excel writes it, with rows that were emptied
        ("time;value\n0;1,5\n1;-2\n2;30\n", "utf-8-sig"),  # as it does where decimals have a comma
        ("time\tvalue\n0\t1,5\n1\t-2\n2\t30", "utf-8"),
        ('"time", "value"\n0, 1.5\n1, -2.0\n2, 3.e1\n,,\n'.replace(",,", ","), "utf-8"),
        ('"time","value"\n"0","1,5"\n"1","-2,0"\n"2","30"\n', "utf-8"),
        ("time;value, in °C\n0;1.5\n1;-2\n2;30\n", "utf-8"),
        ("0;1,5\n1;-2\n2;30\n", "utf-8"),
        ("0,1.5\n1,-2\n2,30\n", "utf-8"),
    ],
)
def test_separators_decimal_signs_and_names_are_found(table, content, encoding):
    column = read_column(table(content, encoding), "2")
    assert column.tolist() == [1.5, -2.0, 30.0] and column.dtype == float
    assert (
        column.name == read_table(table(content, encoding), {}).names[1] == content.split("\n")[0][5:].strip(' "\r')
        or "2"
    )


def test_a_single_column_may_have_decimal_commas_and_no_name(table):
    assert read_column(table("value\n1,5\n2\n0,125\n")).tolist() == [1.5, 2, 0.125]
    assert read_column(table("2\n1,5\n")).tolist() == [2, 1.5]


def test_lines_that_end_as_old_macs_end_them_are_not_counted_as_columns(table):
    rows = [f"{row},{row / 2},{-row}" for row in range(5001)]
    found = read_table(table("a,b,c\r" + "\r".join(rows)), {})
    np.testing.assert_array_equal(found.numbers(1), np.arange(5001) / 2)


def test_a_name_is_taken_before_a_number(table):
    path = table("x;1.\na;0\n".replace("1.", "1st").replace("a", "7"))
    assert read_column(path, "1").tolist() == [7] and read_column(path, "1st").tolist() == [0]
    path = table(" first , second\n1,2\n")
    assert read_table(path, {}).names == ["first", "second"] and read_column(path, "second").tolist() == [2]
    assert read_table(table(",b\n0,1.5\n"), {}).names == ["1", "b"]  # as pandas names an index
    assert read_table(table("0.5,1\n0,2\n"), {}).names == ["1", "2"]


def test_thousands_in_another_column_say_nothing_of_decimals(table):
    assert read_column(table('price,n\n1.020,"1,234"\n1.030,"2,345"\n'), "price").tolist() == [1.02, 1.03]


@pytest.mark.parametrize(
    "cells, other",
    [
        (["1.5", "2.5", "0,5", "3.25"], "0,5"),
        (["1,5", "2,5", "0.5", "3,25"], "0.5"),
        (["987.2", "1,015.3", "1,014.8", "1,013.9"], "1,015.3"),
        (["987,2", "1.015,3", "1.014,8", "1.013,9"], "1.015,3"),
    ],
)
def test_cells_of_another_decimal_sign_do_not_hide_a_column(table, cells, other):
    found = read_table(table("a;b\n" + "".join(f"1;{cell}\n" for cell in cells)), {})
    assert found.is_numeric(1)
    with pytest.raises(ValueError, match=f"Received: '{other}' in row {2 + cells.index(other)} of column 'b'"):
        found.numbers(1)


def test_numbers_are_rounded_as_python_rounds_them(table):
    values = np.random.default_rng(0).normal(size=100) * 10.0 ** np.arange(-50, 50)
    column = read_column(table("a\n" + "\n".join(map(repr, values.tolist()))))
    np.testing.assert_array_equal(column, values)


@pytest.mark.parametrize(
    "content, column, message",
    [
        ("a,b\n1,2\n3,\n", "b", "table.csv must hold a finite number in each row, .* Received: no value in row 3 of column 'b'"),
        ("a,b\n1,2\n3\n", "b", "Received: no value in row 3 of column 'b'"),
        ("a\n1\n\n2\n", None, "Received: no value in row 3 of column 'a'"),
        ("1," * 10_000 + "\n", None, "table.csv must have at most 10000 columns. Received: 10001 in row 1"),
        ("a,b\n1,2\n\n3,4\n", None, "Received: no value in row 3 of column 'a'"),
        ("a\n1\nx\n", None, "Received: 'x' in row 3 of column 'a'"),
        ("1\nnan\n2\n", None, "Received: no value in row 2 of column '1'"),
        ("nan\n2\n", None, "Received: no value in row 1 of column '1'"),
        ("a\n1e999\n", None, "Received: inf in row 2"),
        ("a\n1_000\n", None, "Received: '1_000' in row 2"),
        ("a\n1.5\n1,5\n", None, "with one decimal sign and none for thousands. Received: '1.5' in row 2"),
        ("a\n1,500\n12\n", None, "with one decimal sign and none for thousands. Received: '1,500' in row 2"),
        ("a;b\n950;0,5\n1.020;2,5\n", "a", "must have one decimal sign, .* Received: commas in column 'b' and points in column 'a'"),
        ("a;b\n950;0.5\n1,020;2.5\n", "a", "must have one decimal sign, .* Received: commas in column 'a' and points in column 'b'"),
        ("a;b\n950;\n1.020;2,5\n", "a", "Received: commas in column 'b' and points in column 'a'"),
        ("a;b\n999;22,750\n1.000;22,875\n", "a", "Received: commas in column 'b' and points in column 'a'"),
        ("a;b\n1.000,5;1\n", None, "Received: '1.000,5' in row 2"),
        ("a,b\n1,2,3\n", None, "table.csv must be a table of numbers. Received: Expected 2 fields in line 2, saw 3$"),
        ('a\n"1\n2\n', None, "must be a table of numbers. Received: EOF inside string"),
        ("", None, "must begin with a row of names or numbers. Received: nothing in row 1"),
        ("\na,b\n1,2\n", None, "must begin with a row of names or numbers. Received: nothing in row 1"),
        ("a,b\n", None, "must hold rows of values. Received: none below the names"),
        (",\n1,2\n", None, "must begin with a row of names, one for each column, or of numbers. Received: a blank one"),
        (" \n \n", None, "must begin with a row of names, one for each column, or of numbers. Received: a blank one"),
        ("a,2\n1,2\n", None, r"must begin with a row of names, .* Received: \['a', '2'\] in row 1"),
        ("sep=;\na;b\n1;2\n", None, "must begin with a row of names or numbers. Received: sep=;; leave that line out"),  # Excel's
        ("1,5\n2,5\n", None, "must name its columns. Received: 1,5, which could be one number or two"),
        ("heat,b\n1,2\n", "Heath", "`column` must be one of heat, b in .*, or its number, from 1 to 2. Received: Heath; did you mean heat?"),
        ("a,b\n1,2\n", "0", "or its number, from 1 to 2. Received: 0"),
        ("a,a\n1,2\n", "a", "`column` must name one column of .*table.csv. Received: a, which names 2"),
    ],
)  # fmt: skip
def test_refuses(table, content, column, message):
    with pytest.raises(ValueError, match=message):
        read_column(table(content), column)


def test_refuses_other_encodings_by_name(table):
    for encoding in ("utf-16", "latin-1"):
        with pytest.raises(ValueError, match="table.csv must be text in UTF-8. Received: other bytes in line 1"):
            read_column(table("Höhe\n1\n2\n", encoding))


def written(rows, separator):
    file = io.StringIO()
    csv.writer(file, delimiter=separator).writerows(rows)
    return file.getvalue()


def read_by_csv(text):
    """Return the rows as Python's csv reads them, without blank ones at the end."""
    rows = lambda sign: csv.reader(io.StringIO(text, newline=""), delimiter=sign, skipinitialspace=True)  # noqa: E731
    read = list(rows(next((sign for sign in "\t;," if len(next(rows(sign), [])) > 1), "\t")))
    while not any(read[-1]):
        read.pop()
    return read


def is_number(cell):
    try:
        return bool(float(cell.replace(",", ".")) + 1)
    except ValueError:
        return False


NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers().map(str)
CELLS = NUMBERS | st.sampled_from(["", " ", "nan", "-inf", "1e999", '"', "1_0", "٣", "1,5", "2;"]) | st.text(max_size=4)
ROWS = st.lists(
    st.lists(CELLS, min_size=1, max_size=3) | st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=4
)


@given(text=st.builds(written, ROWS, st.sampled_from(",;\t")) | st.text("01.,;\t\n\r\"' ae-\0\ufeff", max_size=30))
@example(text="a,b\n1,2\n3,4\n,\n")
@example(text="\ufeff1;2\n3")
def test_any_table_is_read_as_pythons_csv_reads_it_or_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.encode(errors="replace"))
    try:
        column = read_column(path)
    except ValueError as error:
        assert 0 < len(str(error)) < 1000 and "\n" not in str(error)
        return
    rows = read_by_csv(path.read_text("utf-8-sig"))
    names = rows[: len(rows) - len(column)]
    assert len(names) <= 1 and not any(is_number(cell) for row in names for cell in row)
    assert column.tolist() == [float(row[0].replace(",", ".")) for row in rows[len(names) :]]


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9),
    separator=st.sampled_from(",;\t"),
    decimal=st.sampled_from(".,"),
    names=st.sampled_from([[], [["a", "b c"]]]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_tables_of_numbers_are_read_exactly(tmp_path_factory, values, separator, decimal, names, mark):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    rows = [["0", repr(value).replace(".", decimal)] for value in values]
    text = written([*names, *rows], separator)
    path.write_text(mark + text, encoding="utf-8")
    cells = [cell.strip("-") for _, cell in rows if "," in cell]
    thousands = separator != ";" and cells and all(len(cell.split(",")[1]) == 3 for cell in cells)
    one_or_two = separator == "," and not names and not set('."') & set(text)
    try:
        assert read_column(path, "2").tolist() == values
    except ValueError:  # where it could be another number
        assert thousands or one_or_two
