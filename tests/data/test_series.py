"""Users' own measurements: each format read back exactly, and what is refused."""

import os

import numpy as np
import pytest
from loaded import CLASSES, FORECAST, same

from data import files, text
from data.series import Roles, Sequences, load, split

TABLE = (
    "who,kind,site,a,b,note\nx,up,s1,1,10,hi\ny,down,s2,2,NA,ho\nx,up,s1,3,30,hi\ny,down,s2,4,40,?\ny,down,s2,-,50,\n"
)


def test_classes_of_groups_whose_rows_are_mixed(csv, capsys):
    found = load(path := csv(TABLE), Roles(label="kind", group="who", test_groups="site"))
    assert capsys.readouterr().out == f"{path}: not used, since most cells are no numbers: note\n"
    assert found.columns == ("a", "b") and found.names == ("x", "y") and found.times is None
    assert found.answers.tolist() == ["up", "down"] and found.groups.tolist() == ["s1", "s2"]
    same(found.values, [[1, 10], [3, 30]], [[2, np.nan], [4, 40], [np.nan, 50]])


@pytest.mark.parametrize("name, separator", [("t.tsv", "\t"), ("t.txt", ";"), ("T.CSV", ",")])
def test_numbers_as_answers_from_any_separator(csv, name, separator):
    content = "who,q,r,a\n1,0.5,7,1\n1,0.5,7,2\n02,-1,8,3\n".replace(",", separator)
    if separator == ";":
        content = content.replace(".", ",")
    found = load(csv(content, name), Roles(target=("q", "r"), group="1"))
    np.testing.assert_array_equal(found.answers, [[0.5, 7], [-1, 8]])
    assert found.columns == ("a",) and found.names == ("1", "02") and found.groups is None
    same(found.values, [[1], [2]], [[3]])


def test_a_forecast_has_its_target_first_and_no_answers(csv, capsys):
    path = csv("t,k,a,b,c\n0,1,2,3,4\n0.5,5,6,,8\n")
    found = load(path, Roles(target=("b",), horizon=2, known=("k",), time="t"))
    assert found.columns == ("b", "k", "a", "c") and found.answers is None and found.names == ("t.csv",)
    same(found.values, [[3, 1, 2, 4], [np.nan, 5, 6, 8]])
    np.testing.assert_array_equal(found.times, [[0, 0.5]])
    assert load(path, Roles(target=("b",), horizon=2, known=("k",), columns=("c",))).columns == ("b", "c", "k")
    assert capsys.readouterr().out == ""


def test_missing_values_are_those_signs_and_no_others(csv):
    cells = ["", "NA", "NaN", "nan", "null", "?", "-", "–", " ", "NA "]
    rows = "".join(f"1,{cell}\n" for cell in cells)
    found = load(csv(f"a,b\n0,5\n{rows}0,6\n"), Roles(target=("b",), horizon=1))
    np.testing.assert_array_equal(found.values[0][:, 0], [5, *[np.nan] * 10, 6])
    found = load(csv(f"a;b\n0;5,5\n{rows.replace(',', ';')}0;6\n"), Roles(target=("b",), horizon=1))
    np.testing.assert_array_equal(found.values[0][:, 0], [5.5, *[np.nan] * 10, 6])


def test_values_are_exact_and_labels_stay_texts_below_many_rows(csv):
    values = np.random.default_rng(0).normal(size=(3000, 2)) * 10.0 ** np.arange(-15, 15).repeat(100)[:, None]
    rows = [f"{'007' if row < 1500 else 'NA'},{a!r},{b!r}" for row, (a, b) in enumerate(values.tolist())]
    found = load(csv("g,a,b\n" + "\n".join(rows)), Roles(target=("a",), horizon=1, group="g"))
    same(found.values, values[:1500], values[1500:])
    assert found.names == ("007", "NA")
    rows[2000] += "x"
    with pytest.raises(ValueError, match=r"Received: '.*x' in row 2002 of column 'b'"):
        load(csv("g,a,b\n" + "\n".join(rows)), Roles(target=("a",), horizon=1, group="g"))


def test_ts(csv):
    content = "@classLabel true a b\n@data\n1,2:3,?:a\n5:6:b\n"
    found = load(csv(content, "a.ts"), Roles())
    same(found.values, [[1, 3], [2, np.nan]], [[5, 6]])
    assert found.answers.tolist() == ["a", "b"] and found.columns == ("1", "2") and found.names == ("1", "2")
    found = load(csv(content.replace("@classLabel true a b", "@targetlabel true").replace(":a", ":1").replace(":b", ":2"), "b.ts"), Roles(columns=("2",)))  # fmt: skip
    assert found.answers.tolist() == [[1], [2]]
    same(found.values, [[3], [np.nan]], [[6]])


def test_a_folder_of_classes_and_a_folder_of_files(csv, tmp_path, capsys):
    for place, kind in enumerate(["up", "down", "up"]):
        rows = f"a,b,kind,m\n{place},,{kind},{place / 2}\n1,{'' if place == 0 else 5},{kind},{place / 2}\n"
        csv(rows, f"classes/{kind}/{place}.csv")
        csv(rows, f"flat/{place}.csv")
    csv("not for us", "classes/README.txt")
    csv("not for us", "classes/up/picture.png")
    found = load(tmp_path / "classes", Roles(columns=("a", "b")))
    said = (
        f"skipped 1 in {tmp_path / 'classes'} that end in none of .csv, .tsv, .txt, .parquet, .pq, such as picture.png"
    )
    assert capsys.readouterr().out.strip() == said
    assert found.names == ("down/1.csv", "up/0.csv", "up/2.csv") and found.answers.tolist() == ["down", "up", "up"]
    same(found.values, [[1, np.nan], [1, 5]], [[0, np.nan], [1, np.nan]], [[2, np.nan], [1, 5]])
    found = load(tmp_path / "flat", Roles(label="kind", test_groups="m"))
    assert found.names == ("0.csv", "1.csv", "2.csv") and found.answers.tolist() == ["up", "down", "up"]
    assert found.columns == ("a", "b") and found.groups.tolist() == ["0.0", "0.5", "1.0"]
    assert load(tmp_path / "flat", Roles(target=("m",))).answers.tolist() == [[0], [0.5], [1]]
    assert load(tmp_path / "flat", Roles(target=("a",), horizon=1)).columns == ("a", "b", "m")
    csv("a,c,kind,m\n1,2,up,3\n", "flat/3.csv")
    with pytest.raises(ValueError, match="3.csv must have the columns of 0.csv. Received: b in only one of them"):
        load(tmp_path / "flat", Roles(label="kind"))
    csv("a,b,kind,m\n1,2,up,3\n2,2,down,3\n", "flat/3.csv")
    with pytest.raises(ValueError, match="must say the same in all rows of sequence '3.csv'. Received: 'up' in row 2 .* and 'down' in row 3"):  # fmt: skip
        load(tmp_path / "flat", Roles(label="kind"))


@pytest.mark.parametrize(
    "content, roles, message",
    [
        ("", FORECAST, "t.csv must begin with a row of names or numbers. Received: nothing in row 1"),
        ("a,b\n", FORECAST, "t.csv must hold rows of values. Received: none below the names"),
        (b"a\n\x00\x01\n", FORECAST, "t.csv must be text. Received: a zero byte in line 2"),
        (b"\x89PNG\xff\n", FORECAST, "t.csv must be text in UTF-8. Received: other bytes in line 1"),
        ("a,b\n1,2\n3,4,5\n", FORECAST, "t.csv must be a table of numbers. Received: Expected 2 fields in line 3, saw 3"),
        ("heat,b\n1,2\n", Roles(target=("Heath",), horizon=1), "`target` must be one of heat, b in .*t.csv, or its number, from 1 to 2. Received: Heath; did you mean heat?"),
        ("a,k\n1,2\n", CLASSES, "`group` must be one of a, k in .* Received: g"),
        ("a,b\n1,2\n3,x\n", Roles(target=("a",), horizon=1, columns=("b",)), "t.csv must hold numbers of at most 3.4e.38, .* or nothing. Received: 'x' in row 3 of column 'b'"),
        ("a,b\n1,2\n2,3\n3,x\n", FORECAST, "Received: 'x' in row 4 of column 'b'"),
        ("a;b\n1;2,5\n2;3\n3;1.5\n", FORECAST, "Received: '1.5' in row 4 of column 'b'"),
        ("g;k;a;b\n1;u;950;2,5\n1;u;1.020;3\n", CLASSES, "t.csv must have one decimal sign, and none for thousands. Received: commas in column 'b' and points in column 'a'"),
        ("a\n1\n-inf\n", FORECAST, "Received: -inf in row 3 of column 'a'"),
        ("a\n1\n" + "2\n" * 1000 + "inf\n", FORECAST, "Received: inf in row 1003 of column 'a'"),
        ("a\n1\n1e39\n", FORECAST, "Received: 1e.39 in row 3 of column 'a'"),
        ("a\n1\n1e999\n", FORECAST, "Received: inf in row 3 of column 'a'"),
        ("g,k,a,b\n1,u,1,\"1,250\"\n2,v,2,\"2,500\"\n", CLASSES, "t.csv must hold numbers of at most .* none for thousands, .* Received: '1,250' in row 2 of column 'b'"),
        ("g,k,a\n1,u,1\n1,v,2\n", CLASSES, "t.csv must say the same in all rows of sequence '1'. Received: 'u' in row 2 of column 'k' and 'v' in row 3"),
        ("g,k,a\n1,u,1\n2,,2\n", CLASSES, "t.csv must have a value in each row of column 'k'. Received: no value in row 3 of column 'k'"),
        ("g,k,a\n,u,1\n2,v,2\n", CLASSES, "t.csv must have a value in each row of column 'g'. Received: no value in row 2 of column 'g'"),
        ("g,k,a\n1,u,\n2,v,2\n", CLASSES, "t.csv must hold numbers in each sequence. Received: none in '1'"),
        ("g,k,a,a\n1,u,1,2\n2,v,3,4\n", CLASSES, "t.csv must name each column otherwise. Received: a for several"),
        ("g,k,a\n1,u,x\n2,v,y\n", CLASSES, "t.csv must have a column of numbers besides those of other roles. Received: none"),
        ("a,b\n1,\n2,NA\n", Roles(target=("a",), horizon=1, columns=("b",)), "t.csv must hold numbers in each feature. Received: none in 'b'"),
        ("g,q,a\n1,1,1\n1,2,2\n", Roles(target=("q",), group="g"), "t.csv must say the same in all rows of sequence '1'. Received: 1 in row 2 of column 'q' and 2 in row 3"),
        ("g,q,a\n1,1,1\n1,,2\n", Roles(target=("q",), group="g"), "t.csv must have an answer in each row. Received: no value in row 3 of column 'q'"),
        ("g,k,a\n1,u,1\n", Roles(label="k"), "`group` must name which rows of .*t.csv are one sequence. Received: nothing, with `label` k"),
        ("g,k,a\n1,u,1\n", Roles(), "`label` or `target` must name the column of .*t.csv that is to be told. Received: neither"),
        ("g,k,a\n1,u,1\n", Roles(label="k", group="k"), "`group` must name a column of its own. Received: k, which `label` names too"),
        ("g,k,a\n1,u,1\n", Roles(label="k", group="2"), "`group` must name a column of its own. Received: k, which `label` names too"),
        ("g,k,a\n1,u,1\n", Roles(label="k", group="g", columns=("a", "3")), "`columns` must name a column of its own. Received: a, which it names twice"),
        ("a,b\n1,1\n", Roles(target=("a",), horizon=1, known=("a",)), "`known` must name a column of its own. Received: a, which `target` names too"),
        ("a\n1\n", Roles(label="k", known=("a",)), "`known` must not be given without `horizon`: nothing lies ahead. Received: a"),
        ("a\n1\n", Roles(label="k", horizon=3), "`horizon` must not be given beside `label`: classes have none. Received: 3"),
        ("a\n1\n", Roles(label="k", target=("a",)), "`target` must not be given beside `label`. Received: a"),
        ("a\n1\n", Roles(horizon=3), "`target` must name what is to be forecast. Received: nothing, with `horizon` 3"),
        ("a\n1\n", Roles(target=("a",), horizon=-1), "`horizon` must be at least 0. Received: -1"),
        ("a\n1\n", Roles(target=("a",), horizon=1, every="1h"), "`every` must not be given without `time`. Received: 1h"),
        ("a\n1\n", Roles(target=("a",), horizon=1, every="-1h", time="t"), "`every` must be a step of time such as .* Received: -1h"),
        ("a\n1\n", Roles(target=("a",), horizon=1, every="bh", time="t"), "`every` must be a step of time such as .* Received: bh"),
    ],
)  # fmt: skip
def test_refuses(csv, content, roles, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(csv(content), roles)
    assert "\n" not in str(caught.value)


def test_refuses_paths(csv, tmp_path):
    with pytest.raises(ValueError, match="none.csv must be a file or a folder. Received: nothing there"):
        load(tmp_path / "none.csv", FORECAST)
    with pytest.raises(
        ValueError, match="a.xlsx must end in one of .csv, .tsv, .txt, .parquet, .pq, .npz, .ts. Received: .xlsx"
    ):
        load(csv("1", "a.xlsx"), FORECAST)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ValueError, match="empty must hold files .csv, .* perhaps in a folder for each class. Received: none"
    ):
        load(tmp_path / "empty", FORECAST)
    csv("a,k\n1,x\n", "classes/up/1.csv")
    for roles, message in [
        (Roles(group="a"), "`group` must not be given for a folder: each file is a sequence. Received: a"),
        (
            Roles(label="k"),
            "classes must hold no folders, which say the class, where `label` or `target` does. Received: k",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "classes", roles)


def test_columns_of_another_order_go_by_name_and_not_by_number(csv, tmp_path):
    csv("x,y,z\n1,2,9\n", "flat/a.csv"), csv("y,z,x\n2,8,1\n", "flat/b.csv")
    found = load(tmp_path / "flat", Roles(target=("z",)))
    assert found.answers.tolist() == [[9], [8]]
    same(found.values, [[1, 2]], [[1, 2]])
    message = (
        "b.csv must have its columns in the order of a.csv, where one is given by its number. Received: another, with 3"
    )
    for roles in (Roles(target=("3",)), Roles(label="3")):
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "flat", roles)
    csv("x,y,z\n1,2,8\n", "flat/b.csv")
    assert load(tmp_path / "flat", Roles(target=("3",))).answers.tolist() == [[9], [8]]


@pytest.mark.parametrize("name", [b"classes/up/caf\xe9.csv", b"classes/caf\xe9/1.csv"])
def test_a_name_of_other_bytes_than_utf_8_is_refused(csv, tmp_path, name):
    for path in ("classes/down/1.csv", os.fsdecode(name)):
        csv("a\n1\n2\n", path)
    with pytest.raises(ValueError, match=r"udce9.*must be named in UTF-8. Received: other bytes") as caught:
        load(tmp_path / "classes", Roles())
    str(caught.value).encode()


def test_refuses_sizes_before_they_fill_the_memory(csv, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST", 1000)
    with pytest.raises(ValueError, match="t.csv must have lines of at most 1000 bytes. Received: more in line 1"):
        load(csv("a" * 2000), FORECAST)
    with pytest.raises(ValueError, match="t.csv must have lines of at most 1000 bytes. Received: more in line 2"):
        load(csv("a\n" + "1" * 2000), FORECAST)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((100, 1000)), y=np.arange(100) % 2)
    monkeypatch.setattr(files, "MOST", 2**16)
    with pytest.raises(ValueError, match="a.npz must unpack to at most 6.*e-05 GiB. Received: 0.000746 GiB"):
        load(tmp_path / "a.npz", Roles())


@pytest.mark.parametrize("name", ["classes/up/2.csv", "flat/2.csv"])
def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(csv, tmp_path, name):
    for other in ("classes/up/1.csv", "classes/down/1.csv", "flat/1.csv"):
        csv("a,k\n1,x\n2,x\n", other)
    os.mkfifo(tmp_path / name)
    roles = Roles(label="k") if "flat" in name else Roles()
    with pytest.raises(ValueError, match="2.csv must be a file. Received: another thing"):
        load(tmp_path / name.split("/")[0], roles)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("t,a\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n", "1.csv must have the steps of time of the others, or `every` .* Received: 3600, but 86400 in .*0.csv"),
        ("t,a\n2024-01-01T00:00Z,1\n2024-01-02T00:00Z,2\n", "1.csv must give a zone with its times, or none, as .*0.csv does. Received: the other"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("roles", [Roles(time="t"), Roles(time="t", target=("a",), horizon=1)])
def test_files_of_other_steps_or_without_a_zone_are_no_set(csv, tmp_path, other, message, roles):
    first, second = ("flat/0.csv", "flat/1.csv") if roles.horizon else ("classes/down/0.csv", "classes/up/1.csv")
    csv("t,a\n2024-01-01,1\n2024-01-02,2\n", first)
    csv("t,a\n2025-01-01,1\n2025-01-02,2\n", second)
    assert len(load(tmp_path / first.split("/")[0], roles).values) == 2
    csv(other, second)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / first.split("/")[0], roles)


def test_a_class_without_tables_is_refused_and_hidden_files_are_none(csv, tmp_path):
    for place in ("up/1.csv", "up/._1.csv", "down/1.csv", "__MACOSX/1.csv"):
        csv("a\n1\n2\n" if "_" not in place else b"\0", f"classes/{place}")
    assert load(tmp_path / "classes", Roles()).names == ("down/1.csv", "up/1.csv")
    (tmp_path / "classes" / "left").mkdir()
    with pytest.raises(ValueError, match="classes must hold files .csv, .* of each class. Received: none in .*left"):
        load(tmp_path / "classes", Roles())
    csv("a\n1\n2\n", "classes/left/deeper/1.csv"), csv("a\n1\n2\n", "classes/left/1.csv")
    with pytest.raises(ValueError, match="classes must hold no folders in those of classes. Received: .*left/deeper"):
        load(tmp_path / "classes", Roles())


def sequences(answers, groups=None):
    values = tuple(np.zeros((2, 1)) for _ in answers)
    names = tuple(map(str, range(len(values))))
    return Sequences(("a",), values, names, np.array(answers), groups if groups is None else np.array(groups), None)


def test_split_takes_a_share_of_each_class_by_the_seed():
    labels = ["a"] * 40 + ["b"] * 10 + ["c"] * 2 + ["d"]
    train, test = split(sequences(labels), 0.25, seed=3)
    assert sorted([*train, *test]) == list(range(53)) and list(test) == sorted(test)
    assert [sum(labels[place] == kind for place in test) for kind in "abcd"] == [10, 3, 1, 0]
    np.testing.assert_array_equal(split(sequences(labels), 0.25, seed=3)[1], test)
    assert len({tuple(split(sequences(labels), 0.25, seed)[1]) for seed in range(10)}) == 10
    chosen = np.bincount(np.concatenate([split(sequences(labels), 0.25, seed)[1] for seed in range(400)]), minlength=53)
    np.testing.assert_allclose(chosen[:40] / 400, 0.25, atol=0.09)  # four standard deviations of a fair draw


@pytest.mark.parametrize("seed", range(20))
def test_split_keeps_groups_whole_and_each_class_on_both_sides(seed):
    draw = np.random.default_rng(seed)
    subjects = draw.integers(0, 12, size=80)
    labels = np.where(subjects < 6, "ill", "well")  # one class a subject
    labels[:40] = draw.choice(["up", "down"], size=40)  # and several
    train, test = split(sequences(labels, subjects.astype(str)), 0.2, seed)
    assert not set(subjects[train]) & set(subjects[test]) and len(train) + len(test) == 80
    assert set(labels[train]) == set(labels[test]) == {"ill", "well", "up", "down"}
    assert 0.1 < len(test) / 80 < 0.4


def test_split_of_numbers_and_what_it_refuses():
    train, test = split(sequences(np.arange(10.0)[:, None]), 0.3, seed=0)
    assert len(test) == 3 and len(train) == 7
    with pytest.raises(ValueError, match="`test_share` must be between 0 and 1. Received: 1"):
        split(sequences(["a", "b"]), 1, seed=0)
    with pytest.raises(ValueError, match="`test_share` must leave some of a class for training and for testing. Received: 4 sequences of 1 groups"):  # fmt: skip
        split(sequences(list("aabb"), ["s"] * 4), 0.5, seed=0)


def test_texts_of_digits_are_no_numbers(csv):
    rows = ["a,version,ip,phone", "1,1.100.200,192.168.100.101,010 555 100", "2,1.100.201,192.168.100.102,020 555 100"]
    assert load(csv("\n".join(rows)), Roles(target=("a",), horizon=1)).columns == ("a",)
