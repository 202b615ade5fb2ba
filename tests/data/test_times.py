"""Columns of times: read, made even, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from loaded import same

from data.series import Roles, load
from data.times import _dates, calendar


@pytest.mark.parametrize("every, steps", [("1h", 4), ("1D", 1), ("30min", 7)])
def test_resampling_takes_means_as_by_hand(csv, every, steps):
    times = pd.to_datetime(["2024-01-01 00:05", "2024-01-01 00:15", "2024-01-01 01:00", "2024-01-01 03:10"])
    values = np.array([[1, 5], [2, np.nan], [4, 6], [8, 7]], float)
    rows = [f"{g},{time},{a},{'' if np.isnan(b) else b}" for g in "pq" for time, (a, b) in zip(times, values)]
    found = load(csv("g,t,a,b\n" + "\n".join(rows)), Roles(target=("a",), horizon=1, time="t", every=every, group="g"))
    starts = times.floor(every)
    grid = pd.date_range(starts[0], starts[-1], freq=every)
    assert len(grid) == steps
    wanted = np.full((steps, 2), np.nan)
    for step, start in enumerate(grid):
        for feature in range(2):
            inside = values[starts == start, feature]
            if np.isfinite(inside).any():
                wanted[step, feature] = inside[np.isfinite(inside)].mean()
    same(found.values, wanted, wanted)
    np.testing.assert_array_equal(found.times[1], grid.to_numpy("datetime64[ns]"))


@pytest.mark.parametrize(
    "cells, first, last",
    [
        (["2024-01-01", "2024-01-01 12:00", "2024-01-02"], "2024-01-01", "2024-01-02"),
        (["1958-03", "1958-04", "1958-05"], "1958-03-01", "1958-05-01"),  # even months
        (["2024-01-05", "2024-01-08", "2024-01-09"], "2024-01-05", "2024-01-09"),  # even days of work
        (["30.12.2023", "31.12.2023", "01.01.2024"], "2023-12-30", "2024-01-01"),
        (["12/30/2023", "12/31/2023", "1/1/2024"], "2023-12-30", "2024-01-01"),
        (
            ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T04:00+02:00"],
            "2024-03-31T00",
            "2024-03-31T02",
        ),
        (["0.033", "0.067", "0.1"], 0.033, 0.1),
        (["03/31/2024 11:30 PM", "04/01/2024 12:30 AM", "04/01/2024 01:30 AM"], "2024-03-31T23:30", "2024-04-01T01:30"),
        (["03/31/2024 10 PM", "03/31/2024 11 PM", "04/01/2024 12 AM"], "2024-03-31T22", "2024-04-01T00"),
        (["31.03.2024 12:30am", "31.03.2024 1:30am", "31.03.2024 2:30am"], "2024-03-31T00:30", "2024-03-31T02:30"),
    ],
)
def test_times(csv, cells, first, last):
    rows = "".join(f"{cell},{place}\n" for place, cell in enumerate(cells))
    times = load(csv("t,a\n" + rows), Roles(target=("a",), horizon=1, time="t")).times[0]
    wanted = (first, last) if isinstance(first, float) else (np.datetime64(first), np.datetime64(last))
    assert (times[0], times[-1]) == wanted and times.dtype in ("float64", "datetime64[ns]")


def test_two_months_are_as_even_as_many(csv):
    rows = [f"a,2020-{month:02d}-01,1" for month in range(1, 13)] + ["b,2021-02-01,1", "b,2021-03-01,1"]
    found = load(csv("g,t,a\n" + "\n".join(rows)), Roles(target=("a",), horizon=1, time="t", group="g"))
    assert [len(times) for times in found.times] == [12, 2]


@pytest.mark.parametrize(
    "cells, every, message",
    [
        ("0 1 1", None, "t.csv must hold times that increase within a sequence. Received: '1' in row 4 of column 't' after '1' in row 3"),
        ("2024-01-02 2024-01-01", None, "Received: '2024-01-01' in row 3 of column 't' after '2024-01-02' in row 2"),
        ("0 1 2 4", None, "t.csv must hold even steps of time. Received: '4' in row 5 of column 't' after '2' in row 4 of column 't', where most steps are 1"),
        ("2024-01-01 2024-01-02 2024-01-03 2024-01-05", None, "Received: '2024-01-05' in row 5 .* where most steps are 1 days"),
        ("2024-01-01 x", None, "t.csv must hold times such as 2024-03-31 12:00, from 1678 to 2261, or numbers. Received: 'x' in row 3 of column 't'"),
        ("2024-01-01 2024-02-30", None, "Received: '2024-02-30' in row 3"),
        ("2024-01-01 now", None, "Received: 'now' in row 3"),
        ("today 2024-01-01", None, "Received: 'today' in row 2"),
        ("0 NA", None, "Received: 'NA' in row 3 of column 't'"),
        ("1600-01-01 1600-01-02", None, "Received: '1600-01-01' in row 2"),
        ("01/02/2024 02/02/2024", None, "Received: '01/02/2024' in row 2 of column 't', where days may be months"),
        ("0 1 3", "1h", "`every` must be given where times are dates. Received: 1h, with numbers"),
        ("2260-01-01 2261-06-01", "10YE", "`every` must make times from 1677-09-21 to 2262-04-11. Received: 10YE, with 2260-01-01"),
        ("2024-01-01 2025-01-01", "1s", "`every` must make at most 100 steps a measurement. Received: 1s, which makes 31622400 of 2"),
    ],
)  # fmt: skip
def test_refuses_times(csv, cells, every, message):
    rows = "".join(f"{cell},{place}\n" for place, cell in enumerate(cells.split()))
    with pytest.raises(ValueError, match=message):
        load(csv("t,a\n" + rows), Roles(target=("a",), horizon=1, time="t", every=every))


def test_times_are_in_utc_where_the_file_has_zones(csv):
    roles = Roles(target=("a",), horizon=1, time="t")
    for zone in ("Z", "z", " UTC", " GMT", "+00:00", "+0000", "+00", "-01:00", "+1"):
        for clock in ("T08:00", " 08:00:00", " 08:00:00.25", "T08", " 08", "T0800"):
            texts = [f"2024-01-0{day}{clock}{zone}" for day in (1, 2, 3)]
            if not np.isnat(_dates(np.array(texts, object), "ISO8601")).any():
                assert load(csv("t,a\n" + "\n".join(f"{text},1" for text in texts)), roles).zoned, texts[0]
    for form in ("Mon Jan {} 2024 08:00:00 GMT+0200", "1/{}/2024 11:00 PM +01:00"):
        assert load(csv("t,a\n" + "\n".join(f"{form.format(day)},1" for day in (15, 22))), roles).zoned, form
    for forms in (
        ["2024-01", "2024-02", "2024-03"],
        ["2024-01-01", "2024-01-02", "2024-01-03"],
        ["2024-01-01 08:00", "2024-01-01 08:15", "2024-01-01 08:30"],
        ["1", "2", "3"],
    ):
        assert not load(csv("t,a\n" + "\n".join(f"{text},1" for text in forms)), roles).zoned, forms
    with pytest.raises(
        ValueError, match="t.csv must give a zone with all times or with none. Received: '2024-01-02T08:00' in row 3"
    ):
        load(csv("t,a\n2024-01-01T08:00Z,1\n2024-01-02T08:00,1\n"), roles)


@pytest.mark.parametrize(
    "times, following",
    [
        (["2023-12-29 12:00", "2024-01-29 12:00", "2024-02-29 12:00"], ["2024-03-29 12:00", "2024-04-29 12:00"]),
        (["2023-02-28", "2023-04-30", "2023-06-30"], ["2023-08-31", "2023-10-31"]),  # ends of months
        (["2023-12-31", "2024-01-31", "2024-02-29"], ["2024-03-31", "2024-04-30"]),
        (["2024-02-29", "2024-03-31"], ["2024-04-30", "2024-05-31"]),
        (["2024-02-01", "2024-03-01"], ["2024-04-01", "2024-05-01"]),
        (["2024-02-01", "2024-03-02"], None),
        (["2024-01-01", "2024-02-01", "2024-03-03"], None),  # every 31 or 30 days
        (["2024-01-01", "2024-02-01", "2024-03-03", "2024-04-03"], ["2024-05-04", "2024-06-04"]),  # every 31 days
    ],
)
def test_months_go_on_by_their_days(times, following):
    """Three of them may be 31 days apart each, as no others are."""
    times = np.array(times, "datetime64[ns]")
    found = calendar(times)
    if following is not None:
        went_on = pd.date_range(times[-1], periods=3, freq=found)[1:]
        assert went_on.tolist() == [pd.Timestamp(own) for own in following]
