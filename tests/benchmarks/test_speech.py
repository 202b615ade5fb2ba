"""How the speed of speaking is tabled."""

from benchmarks import speech


def test_table_shows_median_and_quartiles():
    row = dict(zip(speech.COLUMNS, ("lstm", "80", "1", "9", "10", "11"), strict=True))
    assert speech.table([row]).splitlines()[-1] == "| lstm | 80 | 1 | 10 (9–11) |"
