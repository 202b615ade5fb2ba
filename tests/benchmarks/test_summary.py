"""The tables of the benchmark: ratios by hand, parts, and the picture."""

import pytest

from benchmarks import figure, layers, rows, summary
from benchmarks.rows import Row


def row(network, units, median, quantity="update", experiment="small", modules=1, parameters=792):
    size = {"units": units, "modules": modules, "steps": 320, "batch": 1, "parameters": parameters}
    return Row(experiment, network, **size, quantity=quantity, low=median, median=median, high=median)


MEASURED = [
    row("clockwork_rnn", 36, 0.5, modules=9),
    row("clockwork_rnn", 36, 0.1, "update in a loop", modules=9),
    row("clockwork_rnn", 36, 0.3, "forward", modules=9),
    row("keras-tensorflow simple_rnn", 36, 2.0),
    row("keras-jax simple_rnn", 27, 0.4),
    row("keras-jax simple_rnn", 27, 0.35, "update in a loop"),
    row("keras-jax simple_rnn", 27, 0.6, "forward"),
    row("torch lstm", 13, 1200.0),
    row("torch lstm", 36, 1.0),  # one that a simple Clockwork RNN is not compared with
    row("keras-tensorflow-xla masked_clockwork_rnn", 36, 2.5, modules=9),
]


def test_ratios_are_those_of_the_medians():
    assert summary.versus(MEASURED, "small").splitlines()[2:] == [
        "| clockwork_rnn 36: 0.5 ms | simple_rnn 36 | 2 ms, 4.0× |  |  |  |",
        "| clockwork_rnn 36: 0.5 ms | masked_clockwork_rnn 36 |  | 2.5 ms, 5.0× |  |  |",
        "| clockwork_rnn 36: 0.5 ms | simple_rnn 27 |  |  | 0.4 ms, 0.80× |  |",
        "| clockwork_rnn 36: 0.5 ms | lstm 13 |  |  |  | 1200 ms, 2400× |",
    ]


def test_the_fastest_rival_is_found():
    assert summary.fastest(MEASURED, ["small"]).splitlines()[2:] == [
        "| small: clockwork_rnn 36 | 0.5 ms, 0.80× (keras-jax simple_rnn 27: 0.4 ms) "
        "| 0.1 ms, 3.5× (keras-jax simple_rnn 27, in a loop: 0.35 ms) "
        "| 0.3 ms, 2.0× (keras-jax simple_rnn 27: 0.6 ms) |"
    ]


def test_whoever_is_faster_is_named():
    first = [row(name, 36, s, "first fit", "first_fit") for name, s in (("clockwork_rnn", 4), (summary.KERAS, 1))]
    assert summary.slower(MEASURED + first, ["small"]).splitlines()[2:] == [
        "| small, update | clockwork_rnn 36: 0.5 ms | keras-jax simple_rnn 27 (0.80×) |",
        "| first_fit | clockwork_rnn 36: 4 s | keras-tensorflow lstm 36 (0.25×) |",
    ]


def test_parts_that_were_not_measured_are_left_out():
    versus, _, _, measures = summary.tables(MEASURED).values()
    assert versus.startswith("| small: T=320, batch 1 |")
    assert len(measures.splitlines()) == 2


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"experiment,network,units\r\nsmall,rnn\r\n"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "benchmark.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} must be a table as the benchmark leaves it. Received: "):
        rows.read(path)


def test_a_part_replaces_its_own_rows(tmp_path):
    before = [row("a", 1, 1.0, experiment=name) for name in ("text", "small", "former")]
    new = [row("b", 2, 0.123456, experiment="small")]
    merged = rows.merge(before, new, ["small", "medium", "text"])
    assert [(one.experiment, one.network) for one in merged] == [("small", "b"), ("text", "a")]
    rows.write(merged, tmp_path / "benchmark.csv")
    assert rows.read(tmp_path / "benchmark.csv")[0].median == 0.1235


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "tiny"], "--only must be some of small, medium, "),
        (["--only"], "--only must be some of small, medium, "),
        (["--only", ""], "--only must be some of small, medium, "),
        (["--nope"], "--nope is not known: python -m benchmarks.layers --help names the flags"),
        (["small"], "small is not expected: python -m benchmarks.layers --help names the flags"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(words, message, capsys):
    assert layers.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"python -m benchmarks.layers: {message}") and said.count("\n") == 1


def test_the_picture_has_all_axes():
    drawn = figure.scaling_figure(rows.read())
    *panels, _ = drawn.axes
    assert [axis.get_xlabel() for axis in panels] == [label for _, label, _ in figure.AXES.values()]
    for axis in panels:
        assert axis.get_xscale() == axis.get_yscale() == "log"
        assert all(len(container.lines[0].get_xdata()) >= 3 for container in axis.containers)
