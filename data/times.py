"""Times of measurements: read from texts, checked, and made even."""

import re
import warnings

import numpy as np
import pandas as pd

from data.tables import LARGEST, Table, is_number

STEADY = 0.05  # of a step, by which others may differ: rounded seconds, days of 23 and 25 hours
OFFICE = ("bh", "cbh")  # eight hours a day, of which pandas says that they are from 9 to 17 whichever they are
PACKED = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # dates without signs, by how long they are
FIRST = np.datetime64("1800-01-01")  # of those; before it they are plain numbers
ZONE = r"((Z|UTC|GMT)([+-]\d{1,2}(:?\d\d)?)?|[+-]\d{1,2}(:?\d\d)?)"
ZONED = rf"(?i).*(\d\s?[ap]m|:\d\d(\.\d+)?|(T|-\d\d )\d\d(\d\d){{0,2}}(\.\d+)?)\s*{ZONE}"  # a time of day, and a zone
CLOCK = r"(?i)\b\d{1,2}((:\d\d)*(\.\d+)?)(\s?)[ap]m\b"  # of twelve hours
SPARSEST = 100  # steps a measurement that resampling may make; far more are a mistake in `every`, and fill the memory


def read_times(table: Table, place: int) -> np.ndarray:
    """Return a column as times: datetime64[ns] (UTC where zones are given), or floats where it holds numbers.

    Raises:
        ValueError: names the row that holds no time, or in which day and month cannot be told apart.
    """
    texts = table.texts(place)
    if is_number(texts[0]) and table.is_numeric(place):  # the first spares looking at all others
        numbers = table.floats(place)[1]
        _refuse(table, place, ~(np.abs(numbers) <= LARGEST))
        if len(texts[0]) not in PACKED:
            return numbers
        dates = _dates(texts, PACKED[len(texts[0])])
        return numbers if np.isnat(dates).any() or dates[0] < FIRST else dates
    dates = _dates(texts, "ISO8601")
    if np.isnat(dates).any():
        read = [dates, *(_dates(texts, form) for form in _forms(texts[0]))]
        whole = [dates for dates in read if not np.isnat(dates).any()]
        _refuse(table, place, np.isnat(min(read, key=lambda dates: np.isnat(dates).sum())))
        if (different := whole[0] != whole[-1]).any():
            came = table.at(int(different.argmax()), place)
            raise ValueError(
                f"{table.path} must hold times such as 2024-03-31. Received: {came}, where days may be months"
            )
        return whole[0]
    return dates


def check_increasing(table: Table, place: int, times: np.ndarray, rows: np.ndarray) -> None:
    """Raise a ValueError that names two rows of a sequence whose times do not increase."""
    if len(late := np.flatnonzero(np.diff(times[rows]) <= np.zeros(1, np.diff(times[:1]).dtype))):
        before, after = rows[late[0] : late[0] + 2]
        raise ValueError(
            f"{table.path} must hold times that increase within a sequence. "
            f"Received: {table.at(after, place)} after {table.at(before, place)}"
        )


def check_even(table: Table, place: int, times: np.ndarray, sequences: list[np.ndarray]) -> None:
    """Raise a ValueError that names the rows of a step unlike most, but for those of a calendar, such as months."""
    steps = np.concatenate([np.diff(times[rows]) for rows in sequences])
    if not len(steps):
        return
    usual = np.quantile(steps.astype(float), 0.5, method="lower")
    for rows in sequences:
        step = np.diff(times[rows])
        odd = np.flatnonzero(np.abs(step.astype(float) - usual) > STEADY * usual)
        if len(odd) and not (calendar(times[rows]) and is_same_step(usual_step(times[rows]), usual / 1e9)):
            before, after = rows[odd[0] : odd[0] + 2]
            numbers = times.dtype == float
            most = usual if numbers else pd.Timedelta(int(usual))
            raise ValueError(
                f"{table.path} must hold even steps of time{', or `every` say which to make' * (not numbers)}. Received: "
                f"{table.at(after, place)} after {table.at(before, place)}, where most steps are {most}"
            )


def calendar(times: np.ndarray) -> str | pd.DateOffset | None:
    """Return how times go on by a calendar: as pandas names it, such as MS, or on the same day of months; or None."""
    if times.dtype == float or len(times) < 2:
        return None
    index = pd.DatetimeIndex(times)
    found = pd.infer_freq(index) if len(index) > 2 else None  # which pandas cannot tell of two
    if found and not found.endswith("D"):  # three months may have a number of days in common
        return None if found in OFFICE else found
    months = np.diff(12 * index.year + index.month)
    day = index.day.max()  # of each month that has it, and of others the last one
    same = (index.day == np.minimum(day, index.days_in_month)).all() and len(set(index - index.normalize())) == 1
    return pd.DateOffset(months=months[0], day=day) if same and months[0] > 0 and (months == months[0]).all() else found


def has_zones(table: Table, place: int) -> bool:
    """Return whether times are given with their zones; raises a ValueError that names a row where only some are."""
    zoned = pd.Series(table.texts(place)).str.fullmatch(ZONED).to_numpy(bool)
    if zoned.any() and not zoned.all():
        with_zone, without = (table.at(int(part.argmax()), place) for part in (zoned, ~zoned))
        raise ValueError(
            f"{table.path} must give a zone with all times or with none. Received: {without}, beside {with_zone}"
        )
    return bool(zoned.any())


def is_same_step(one: float, other: float) -> bool:
    """Return whether two steps may be the same one: months are of 28 to 31 days."""
    return 1 / 1.2 < one / other < 1.2


def usual_step(times: np.ndarray) -> float:
    """Return the median step between times, the lower one of two, in seconds where they are dates."""
    step = float(np.quantile(np.diff(times).astype(float), 0.5, method="lower"))
    return step if times.dtype == float else step / 1e9


def check_every(every: str) -> None:
    """Raise a ValueError unless the argument is a step of time."""
    try:
        offset = pd.tseries.frequencies.to_offset(every)
        good = pd.Timestamp(0) + offset > pd.Timestamp(0) and not isinstance(offset, pd.offsets.BusinessHour)
    except (ValueError, OverflowError):
        good = False
    if not good:
        raise ValueError(f"`every` must be a step of time such as 15min, 1h, 1D or 1MS. Received: {every}")


def resample(times: np.ndarray, values: np.ndarray, every: str) -> tuple[np.ndarray, np.ndarray]:
    """Return even times, and the means of the values [T, F] between each and the next, NaN where there are none.

    What pandas names by its end, as weeks and `1ME` are, has the mean of what came since the time before.

    Raises:
        ValueError: the times are numbers, the step is far too small for them, or it leads beyond what a time can be.
    """
    if times.dtype == float:
        raise ValueError(f"`every` must be given where times are dates. Received: {every}, with numbers")
    start = pd.Timestamp(times[0])
    try:
        step = start + pd.tseries.frequencies.to_offset(every) - start
        if (steps := (pd.Timestamp(times[-1]) - start) / step) > SPARSEST * len(times):
            raise ValueError(
                f"`every` must make at most {SPARSEST} steps a measurement. Received: {every}, which makes {steps:.0f} of {len(times)}"
            )
        means = pd.DataFrame(values, index=pd.DatetimeIndex(times)).resample(every).mean()
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        ends = f"{pd.Timestamp.min.date()} to {pd.Timestamp.max.date()}"
        raise ValueError(f"`every` must make times from {ends}. Received: {every}, with {start.date()}") from None
    return means.index.to_numpy("datetime64[ns]"), means.to_numpy()


def _forms(text: str) -> list[str]:
    """Return which forms a date may have, with the month first or the day."""
    clock = re.search(CLOCK, text)
    text = re.sub(CLOCK, r"09\1 AM", text)  # pandas tells the form of no hour after noon, or with the letters at once
    with warnings.catch_warnings(action="ignore"):  # of a day that cannot be a month
        forms = [pd.tseries.api.guess_datetime_format(text, dayfirst=first) for first in (False, True)]
    return [form.replace(" %p", "%p") if clock and not clock[4] else form for form in forms if form]


def _dates(texts: np.ndarray, form: str) -> np.ndarray:
    """Return texts as datetime64[ns], NaT where they are no dates of the form."""
    dates = pd.DatetimeIndex(pd.to_datetime(texts, format=form, utc=True, errors="coerce"))
    dates = dates.where((dates >= pd.Timestamp.min.tz_localize("UTC")) & (dates <= pd.Timestamp.max.tz_localize("UTC")))
    dates = dates.where(~pd.Index(texts).isin(("now", "today")))  # which pandas takes for dates
    return dates.tz_localize(None).to_numpy("datetime64[ns]")


def _refuse(table: Table, place: int, bad: np.ndarray) -> None:
    if bad.any():
        came = table.at(int(bad.argmax()), place)
        raise ValueError(
            f"{table.path} must hold times such as 2024-03-31 12:00, from 1678 to 2261, or numbers. Received: {came}"
        )
