"""The speech experiment: what is trained, and tables that say what the rows say."""

from pathlib import Path

import pytest
from committed import RESULTS, read

from benchmarks import speech as speed
from experiments import markdown, speech
from tasks.speech_prediction import SpeechPrediction

ROOT = Path(__file__).parents[2]


def test_networks_with_one_window_have_as_many_parameters():
    sizes = {}
    for settings in speech.NETWORKS.values():
        sizes.setdefault(settings.window, []).append(SpeechPrediction(settings).network.size)
    for counts in sizes.values():
        assert max(counts) < 1.01 * min(counts)
    assert max(sizes[200]) == pytest.approx(92801, rel=0.01)  # 262 · 200 + 200² + 200 + 201 of the diary's network


def test_a_network_that_diverges_is_a_row_too():
    settings = speech.replace(
        speech.DIARY_SPEECH, units=4, window=3, chunk=50, seconds=0.02, epochs=2, learning_rate=1e30
    )
    result = speech.train_network(settings)
    assert result["free_running_mse"] == float("inf") and result["parameters"] == 65 * 4 + 16 + 4 + 5


def test_spread_is_median_and_range():
    assert markdown.spread([3.0, 1.0, 2.5]) == "2.5 (1–3)"
    assert markdown.spread([1.0, float("inf")]) == "1 of 2 diverged"


def test_committed_tables_are_those_of_the_committed_rows():
    rows = read("speech.csv")
    networks, sizes = len(speech.NETWORKS), len(speech.UNITS) - 1
    assert len(rows) == 5 * networks + speech.SIZE_SEEDS * len(speech.SIZES) * sizes
    text = speech.table(rows)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (RESULTS / "speech.md").read_text(encoding="utf-8") == text + "\n"
    assert text in readme and speed.table(read("speech_speed.csv")) in readme


def test_runs_small_from_the_command_line(tmp_path):
    flags = ["--seeds", "1", "--epochs", "1", "--seconds", "0.03", "--units", "3", "--output-dir", str(tmp_path)]
    flags += ["--networks", "diary", "simple RNN, noise"]
    assert speech.main([*flags, "--workers", "1"]) == 0
    assert {"speech.csv", "speech.md", "speech.png"} <= {path.name for path in tmp_path.iterdir()}
