"""Parquet files: the same as the CSV, and what is not believed."""

import builtins
import sys

import numpy as np
import pandas as pd
import pytest
from loaded import FORECAST, same

from data import files
from data.series import Roles, load


def test_parquet_is_read_as_the_same_csv(csv, tmp_path):
    pytest.importorskip("pyarrow")
    times = pd.date_range("2024-03-30 22:30", periods=6, freq="15min")
    frame = pd.DataFrame(
        {"who": list("ababab"), "kind": [3, 4] * 3, "t": times, "a": [1, None, 3, 4, 5, 6], "on": [True, False] * 3}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.set_index("t").rename(columns={"kind": " kind "}).to_parquet(tmp_path / "i.pq")
    for name in ("t.parquet", "i.pq"):
        found = load(tmp_path / name, Roles(label="kind", group="who", time="t"))
        assert found.columns == ("a", "on") and found.answers.tolist() == ["3", "4"]
        same(found.values, [[1, 1], [3, 1], [5, 1]], [[np.nan, 0], [4, 0], [6, 0]])
        np.testing.assert_array_equal(found.times[1], times[1::2].to_numpy())
        assert found.times[0].dtype == "datetime64[ns]"


def test_parquet_is_believed_in_nothing_but_its_columns(tmp_path, monkeypatch):
    """pyarrow writes what pandas would not: texts in Latin-1, and odd notes on what an index was."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, own = tmp_path / "a.pq", arrow.table({"y": [1.0, 2.0, 3.0]})
    asked = Roles(target=("y",), horizon=1)
    notes = '{"index_columns": ["nope"], "columns": [{"numpy_type": "blub"}]}'
    for note in (notes, "[]"):
        parquet.write_table(own.replace_schema_metadata({"pandas": note}), path)
        same(load(path, asked).values, [[1], [2], [3]])
    pd.DataFrame({"y": [1.0, 2.0]}, index=pd.Index([5, 6], name="y")).to_parquet(path)
    same(load(path, asked).values, [[1, 5], [2, 6]])
    latin = arrow.StringArray.from_buffers(3, arrow.py_buffer(bytes([0, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 12, 0, 0, 0])), arrow.py_buffer(b"caf\xe9" * 3))  # fmt: skip
    parquet.write_table(own.append_column("place", latin), path)
    with pytest.raises(ValueError, match="a.pq must be a Parquet file. Received: 'utf-8' codec can't decode"):
        load(path, asked)
    long = arrow.DictionaryArray.from_arrays(arrow.array([0, 0, 0]), ["a" * 20_000])
    parquet.write_table(own.append_column("place", long), path)
    with pytest.raises(ValueError, match="a.pq must have cells of at most 10000 .* Received: 20000 in column 'place'"):
        load(path, asked)
    monkeypatch.setattr(files, "MOST", 50_000)
    with pytest.raises(ValueError, match="a.pq must unpack to at most 4.*e-05 GiB. Received: more"):
        load(path, asked)
    parquet.write_table(arrow.table({f"c{place}": [1.0] for place in range(10_001)}), path)
    monkeypatch.setattr(files, "MOST", 2**30)
    with pytest.raises(ValueError, match="a.pq must have at most 10000 columns. Received: 10001"):
        load(path, asked)


def test_parquet_without_pyarrow_or_damaged(csv, tmp_path, monkeypatch):
    path = csv("a,b\n1,2\n", "a.parquet")
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.split(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest, **more)

    with monkeypatch.context() as patch:
        for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow" or name == "pandas.io.parquet"]:
            patch.delitem(sys.modules, name)
        patch.setattr(builtins, "__import__", without)
        with pytest.raises(
            ValueError, match=r"a.parquet must be read by pyarrow \(pip install pyarrow\). Received: no such package"
        ):
            load(path, FORECAST)
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="a.parquet must be a Parquet file. Received: .*"):
        load(path, FORECAST)
    pd.DataFrame({"a": []}).to_parquet(tmp_path / "b.pq")
    with pytest.raises(ValueError, match="b.pq must hold rows of values. Received: 0 of 1 columns"):
        load(tmp_path / "b.pq", FORECAST)
