"""TensorBoard's event files: what the pages that read them show."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from graphs import plain_graphs
from tensorboard import plugin_util
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util

import main
from running import board
from running.runs import Run
from running.train import train
from tasks.ink_inputs import Ink
from tasks.network import Network
from tasks.report import Report, Sound
from tasks.sequence_generation import SequenceGeneration

TINY = main.recipe("generation", units=6, periods=(1, 2, 4), length=12, epochs=60)


def events_of(folder, **changes):
    """Train a tiny run and return its event file, read, and its metrics."""
    settings = replace(TINY, name="a", results_dir=folder / "results", log_dir=folder / "log", **changes)
    run = Run("generation", settings, TINY)
    with plain_graphs():
        metrics = train(SequenceGeneration(settings), settings, run)
    return EventAccumulator(str(run.log), size_guidance={"tensors": 0}).Reload(), metrics


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return events_of(tmp_path_factory.mktemp("one"), target=str(main.HERE / "data" / "music.flac"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return events_of(tmp_path_factory.mktemp("three"), replicas=3, loss="half_sum")


def values(events, tag):
    return {event.step: tensor_util.make_ndarray(event.tensor_proto).item() for event in events.Tensors(tag)}


def scalars(events):
    found = events.summary_metadata.items()
    return {tag for tag, data in found if data.plugin_data.plugin_name == "scalars"}


def test_it_opens_on_the_metric_and_has_each_quantity_once(one):
    events, metrics = one
    assert sorted(events.Tags()["tensors"])[1] == "metric/log10_mse"  # behind what the HParams page reads
    assert sorted(events.Tags()["tensors"])[0].startswith("_hparams_/")
    assert scalars(events) == {"metric/log10_mse", "optimization/gradient_norm", "optimization/learning_rate"}
    curve = values(events, "metric/log10_mse")
    assert list(curve) == [*range(0, 60, 10), 60]
    assert curve[60] == pytest.approx(np.log10(metrics["mse"]), abs=1e-5)
    assert all(len(events.Tensors(tag)) > 1 for tag in scalars(events))  # no card with a single point


def test_of_several_networks_mean_median_and_quartiles_are_shown(three):
    events, metrics = three
    kinds = {f"replicas/log10_mse/{kind}" for kind in ("median", "lower_quartile", "upper_quartile")}
    assert {"metric/log10_mse", "optimization/loss"} | kinds <= scalars(events)  # a loss that is not the metric
    logs = np.log10(metrics["replicas"]["mse"])
    assert values(events, "metric/log10_mse")[60] == pytest.approx(logs.mean(), abs=1e-5)
    assert values(events, "replicas/log10_mse/median")[60] == pytest.approx(np.median(logs), abs=1e-5)


def test_weights_are_named_by_period_and_pictures_sounds_and_texts_alike_in_every_run(one, three):
    tags = set(one[0].Tags()["tensors"])
    recurrent = {f"weights/hidden/period {period}/recurrent" for period in (1, 2, 4)}
    rest = {"weights/hidden/bias", "weights/output/kernel", "weights/output/bias"}
    assert {tag for tag in tags if tag.startswith("weights/")} == recurrent | rest
    pictures = {"pictures/signal", "pictures/states", "pictures/clock", "texts/about"}
    assert pictures | {"sounds/target", "sounds/output"} <= tags
    assert pictures <= set(three[0].Tags()["tensors"])
    (event,) = one[0].Tensors("pictures/clock")
    width, height, png = tensor_util.make_ndarray(event.tensor_proto)
    assert tf.io.decode_png(png).shape[:2] == (int(height), int(width))
    assert one[0].summary_metadata["pictures/clock"].plugin_data.plugin_name == "images"


def test_a_page_says_what_the_run_is(one):
    (event,) = one[0].Tensors("texts/about")
    text = tensor_util.make_ndarray(event.tensor_proto).item().decode()
    music = main.HERE / "data" / "music.flac"
    for line in (
        "| task | generation |",
        "| model | clockwork_rnn |",
        "| units | 6 |",
        "| periods | 1 2 4 |",
        "| parameters | 37 |",  # 2·6 + 2·4 + 2·2 recurrent, 6 biases, 7 to the output
        f"| command | python main.py generation --recipe modern --model clockwork_rnn --target {music} |",
    ):
        assert line in text.splitlines(), line


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a|b", "`c`", "*d* _e_ a_b", "[f](g)", "&lt; \\\\ # ~", "1\n2"]
)
def test_names_come_out_as_they_are(name):
    """As the text that TensorBoard's own page of a Markdown table shows."""
    shown = plugin_util.markdown_to_safe_html(f"| a |\n|---|\n| x{board.literal(name)} |")
    (cell,) = re.findall(r"<td>(.*?)</td>", shown, re.DOTALL)
    assert "<" not in cell and html.unescape(cell) == f"x{name}"


def test_texts_and_captions_come_out_as_they_are(tmp_path):
    text, caption = "```\n<script>\n\n    | a *b*\n```\n&lt;", "<b>, heard as _c_"
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        board.write_report(Report({}, {"clip": Sound(np.zeros(9), 8000, caption)}, {"sample": text}), tmp_path, 0)
    events = EventAccumulator(str(tmp_path)).Reload()
    (event,) = events.Tensors("texts/sample")
    shown = plugin_util.markdown_to_safe_html(tensor_util.make_ndarray(event.tensor_proto).item())
    assert html.unescape(shown) == f"<pre><code>{text}\n</code></pre>" and "<script>" not in shown
    shown = plugin_util.markdown_to_safe_html(events.summary_metadata["sounds/clip"].summary_description)
    assert html.unescape(shown) == f"<p>{caption}</p>" and "<b>" not in shown


def test_hyperparameters_begin_with_what_one_compares_by(one):
    events, metrics = one
    data = events.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
    hparams = metadata.parse_session_start_info_plugin_data(data).hparams
    order = [name.strip() for name in sorted(hparams)]  # as TensorBoard does
    assert order[:7] == ["model", "units", "periods", "learning_rate", "mse", "nmse", "nmse_paper"]
    assert {"target", "seed", "optimizer"} <= set(order) and "compile_seconds" not in order
    assert not {"sizes", "column", "name"} & set(order)  # of this task alone and as in the recipe, or where the run is
    assert hparams[" mse"].number_value == pytest.approx(metrics["mse"])
    assert hparams["   periods"].string_value == "1 2 4"


def test_modules_of_one_period_are_told_apart():
    settings = replace(TINY, periods=(1, 2, 2))
    network = SequenceGeneration(settings).network
    tags = board.weights(network, network.start(0).weights)
    assert {"weights/hidden/period 1/recurrent", "weights/hidden/period 2, module 2/recurrent"} <= set(tags)


def test_weights_of_both_directions_are_there():
    settings = main.recipe("handwriting", model="clockwork_rnn", units=4, periods=(1, 2))
    network = Network(settings, Ink(np.zeros(4), np.ones(4), 0.0), 5, bidirectional=True)
    tags = board.weights(network, network.start(0).weights)
    assert len(tags) == len(network.names) == 10 and "weights/backward_hidden/period 2/recurrent" in tags


def test_not_a_number_has_no_logarithm_but_zero_has():
    quantities = SequenceGeneration(TINY).quantities()
    (found,) = board.tagged({"mse": np.array([0.0, 1.0])}, quantities).values()
    assert found[0] == pytest.approx(-37.93, abs=0.01) and found[1] == 0  # the smallest float32 is 1.2e-38


def check_that_it_logs(log):
    with log.logging():
        board.write({"metric/mse": np.ones(1)}, 3)
    log.flush()
    events = EventAccumulator(str(log.folder)).Reload()
    assert [event.step for event in events.Tensors("metric/mse")] == [3]


def test_where_no_file_could_be_made_the_folder_is_named_and_it_is_tried_again(tmp_path):
    """TensorFlow makes the file later than the writer, and names neither where that fails, as on a full disk."""
    log = board.Board(tmp_path, {})
    with log.logging():
        raise tf.errors.NotFoundError(None, None, "Resource localhost/_AnonymousVar8 does not exist.")
    with pytest.raises(FileNotFoundError, match=f"no log of TensorBoard is there: '{tmp_path}'"):
        log.flush()
    check_that_it_logs(log)


def test_a_file_that_was_begun_and_has_nothing_is_not_believed(tmp_path, monkeypatch):
    """As on a disk that is full before the first file has its head."""

    def refuse(folder, **_):
        (tmp_path / "events.out.tfevents.1").touch()
        raise tf.errors.ResourceExhaustedError(None, None, f"{folder}/events.out.tfevents.1; No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tf.summary, "create_file_writer", refuse)
        log = board.Board(tmp_path, {})
        with pytest.raises(OSError, match=f"^{tmp_path}; No space left on device"):
            log.flush()
    with pytest.raises(
        OSError, match=f"^{tmp_path}; No space left on device"
    ):  # of the try before, after which it is tried again
        log.flush()
    check_that_it_logs(log)
