"""Archives of arrays: sequences, their answers, and what is refused."""

import zipfile

import numpy as np
import pytest
from loaded import same

from data.series import Roles, load


def test_npz(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 5, 2))
    np.savez(tmp_path / "a.npz", x=x, y=["u", "v", "u"], lengths=[5, 2, 1])
    found = load(tmp_path / "a.npz", Roles())
    same(found.values, x[0], x[1, :2], x[2, :1])
    assert found.columns == found.names[:2] == ("1", "2") and found.answers.tolist() == ["u", "v", "u"]
    np.savez(tmp_path / "b.npz", x=x[..., 0], y=[1.0, 2.0, 1.0])
    found = load(tmp_path / "b.npz", Roles())
    same(found.values, *x[..., :1])
    np.testing.assert_array_equal(found.answers, [[1], [2], [1]])
    assert load(tmp_path / "b.npz", Roles(label="y")).answers.tolist() == ["1", "2", "1"]
    np.savez(tmp_path / "b.npz", x=x, y=[1e19, 2e19, 3.0])
    assert load(tmp_path / "b.npz", Roles(label="y")).answers.tolist() == ["1e+19", "2e+19", "3.0"]
    np.savez(tmp_path / "c.npz", x=x, y=np.array([[1, 2], [3, 4], [5, 6]]))
    assert load(tmp_path / "c.npz", Roles(target=("y",))).answers.tolist() == [[1, 2], [3, 4], [5, 6]]
    found = load(tmp_path / "c.npz", Roles(target=("2",), horizon=1))
    assert found.columns == ("2", "1") and found.answers is None
    same(found.values, *x[..., ::-1])


def test_arrays_that_are_not_read_are_named(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", x=np.ones((3, 5)), y=[1, 2, 1], mask=np.ones((3, 5)), length=[5, 2, 1])
    load(tmp_path / "a.npz", Roles())
    assert capsys.readouterr().out == f"{tmp_path / 'a.npz'}: x, y, lengths are read, and not mask, length\n"


X = np.ones((2, 3, 1))


@pytest.mark.parametrize(
    "arrays, roles, message",
    [
        ({"z": X}, Roles(), r"a.npz must hold an array x \[N, T, F\] or \[N, T\]. Received: z"),
        ({"x": X[0, 0]}, Roles(), r"a.npz must hold numbers x \[N, T, F\] or \[N, T\]. Received: float64 \[1\]"),
        ({"x": np.array([[None, {}]])}, Roles(), "a.npz must be an NPZ file of numbers and texts. Received: Object arrays cannot be loaded"),
        ({"x": X, "y": np.array([None, {}])}, Roles(), "a.npz must be an NPZ file of numbers and texts. Received: Object arrays"),
        ({"x": X, "y": np.arange(3)}, Roles(), r"a.npz must hold numbers or texts y \[2\] or \[2, m\]. Received: int64 \[3\]"),
        ({"x": X, "y": [0, 1], "lengths": [0, 3]}, Roles(), r"a.npz must hold whole numbers lengths \[2\] from 1 to 3, .* Received: int64 \[2\] from 0 to 3"),
        ({"x": X, "y": [0, 1], "lengths": [1.0, 3.0]}, Roles(), r"Received: float64 \[2\]"),
        ({"x": X, "y": [0, 1], "lengths": ["2", "3"]}, Roles(), r"Received: <U1 \[2\]"),
        ({"x": X}, Roles(), "a.npz must hold answers, or `target` and `horizon` ask for a forecast. Received: none"),
        ({"x": X, "y": ["a", ""]}, Roles(), "a.npz must hold a label y of each sequence. Received: an empty one"),
        ({"x": X, "y": [0, np.nan]}, Roles(label="y"), "a.npz must hold a label y of each sequence. Received: nan"),
        ({"x": X * np.inf, "y": [0, 1]}, Roles(), "a.npz must hold numbers of at most 3.4e.38. Received: inf in step 1 of feature 1 of sequence '1'"),
        ({"x": X * np.nan, "y": [0, 1]}, Roles(), "a.npz must hold numbers in each sequence. Received: none in '1'"),
        ({"x": X, "y": [0.5, np.nan]}, Roles(), "a.npz must hold finite numbers y. Received: nan"),
        ({"x": X, "y": ["a", "b"]}, Roles(target=("y",)), "a.npz must hold finite numbers y. Received: texts"),
        ({"x": X, "y": [[0, 1], [1, 0]]}, Roles(), r"a.npz must hold one label y a sequence. Received: \[2, 2\]"),
        ({"x": X, "y": [0, 1]}, Roles(label="kind"), "`label` must be y, as .*a.npz names its answers, or not given. Received: kind"),
        ({"x": X, "y": [0, 1]}, Roles(label="y", group="g"), "`group` must not be given for .*a.npz, which has no such column. Received: g"),
        ({"x": X}, Roles(target=("2",), horizon=1), "`target` must be one of 1 in .*a.npz, or its number, from 1 to 1. Received: 2"),
    ],
)  # fmt: skip
def test_refuses_npz(tmp_path, arrays, roles, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path / "a.npz", roles)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"a,b\n1,2\n"])
def test_refuses_what_is_no_archive(csv, content):
    with pytest.raises(
        ValueError, match="a.npz must be an NPZ file of numbers and texts. Received: File is not a zip file"
    ):
        load(csv(content, "a.npz"), Roles())


@pytest.mark.parametrize(
    "members",
    [
        {"x.npy": b"hello"},
        {"x": b"hello"},
        {"x.npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (True,1), }"},
        {"x.npy": b"\x93NUMPY\x01\x00v\x00{1:2,'a':3,None:4}"},
        {"x.npy": b"\x93NUMPY\x01\x00\x88\x13" + b"[" * 5000},
    ],
)
def test_an_archive_of_other_members_is_refused(tmp_path, members):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for name, content in members.items():
            file.writestr(name, content.replace(b"}", b"}" + b" " * 70))
    with pytest.raises(ValueError, match="a.npz must (be an NPZ file|hold numbers x)") as caught:
        load(tmp_path / "a.npz", Roles())
    assert len(str(caught.value).splitlines()) == 1 and "`" not in str(caught.value)


def test_labels_of_other_bytes_than_texts_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2, 1)), y=np.array([b"\xe9", b"\xe8", b"a"]))
    with pytest.raises(ValueError, match="a.npz must hold texts y in UTF-8. Received: b'.xe9'"):
        load(tmp_path / "a.npz", Roles())
