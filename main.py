"""Train a Clockwork RNN: the hyperparameters of every experiment, to be edited here or given as flags."""

import sys

from running import signals, surroundings

if __name__ == "__main__":
    signals.end_quietly()
    surroundings.prepare()

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from running import command_line, compare, program
from running.runs import RunSettings
from running.settings import RecipeSettings, TrainingSettings
from tasks import character_model, handwriting, sequence_generation, series, speech_prediction, spoken_words

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Generation(RecipeSettings, sequence_generation.Settings, TrainingSettings, RunSettings):
    """All settings of the task generation."""


@dataclass(frozen=True, kw_only=True)
class Words(RecipeSettings, spoken_words.Settings, TrainingSettings, RunSettings):
    """All settings of the task words."""


@dataclass(frozen=True, kw_only=True)
class Speech(RecipeSettings, speech_prediction.Settings, TrainingSettings, RunSettings):
    """All settings of the task speech."""


@dataclass(frozen=True, kw_only=True)
class Text(RecipeSettings, character_model.Settings, TrainingSettings, RunSettings):
    """All settings of the task text."""


@dataclass(frozen=True, kw_only=True)
class Series(RecipeSettings, series.Settings, TrainingSettings, RunSettings):
    """All settings of the task series."""


@dataclass(frozen=True, kw_only=True)
class Handwriting(RecipeSettings, handwriting.Settings, TrainingSettings, RunSettings):
    """All settings of the task handwriting."""


# What the recipes of all tasks start from, unless they say otherwise.
SHARED = {
    # The network: the paper's wiring, a clock as given in `periods`.
    "clock_series": "given",
    "modules": 9,
    "series_base": 2.0,
    "lowest_period": 1,
    "turns": 1,
    "turns_of": "all",
    "connections": "slow_to_fast",
    "input_modules": "all",
    "input_mean": False,
    "bias_std": 0.0,
    "learned_initial_state": False,
    "peepholes": False,
    # Training.
    "optimizer": "adam",
    "decay": "cosine",
    "decay_factor": 0.9,
    "decay_updates": 50,
    "momentum": 0.9,
    "second_moment": 0.99,
    "epsilon": 1e-7,
    "seed": 0,
    "replicas": 1,
    # Where runs compute, and where they go.
    "ray": None,
    "devices": 1,
    "keep": "first",
    "name": None,
    "log_dir": Path("log"),
    "results_dir": Path("results"),
    "overwrite": False,
    "resume": False,
    "checkpoint_seconds": 10.0,
    "run": None,
    "export": None,
}

# The best setting known of each method (Adam, cosine decay), found by `python -m experiments search`: about 800 parameters,
# periods included.
MODERN = Generation(
    recipe="modern",
    # The network.
    model="clockwork_rnn",
    units=36,
    periods=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    recurrent_init="orthogonal",
    recurrent_scale=1.0,
    weight_std=0.3,
    forget_bias=0.0,
    dropout=0.0,
    sizes="equal",
    output_activation="linear",
    constant_input=False,
    # The sequence.
    target=None,
    start=0,
    length=320,
    column=None,
    # Training.
    loss="mse",
    epochs=1000,
    learning_rate=5e-2,
    clip_norm=0.03,
    **SHARED,
)
MODERN_LSTM = replace(
    MODERN,
    model="lstm",
    units=13,
    periods=(),
    learned_initial_state=True,
    forget_bias=3.0,
    peepholes=True,
    learning_rate=1e-2,
)
MODERN_GRU = replace(MODERN_LSTM, model="gru", units=15, forget_bias=0.0, peepholes=False, learning_rate=5e-2)
MODERN_CLOCKWORK_LSTM = replace(
    MODERN,
    model="clockwork_lstm",
    units=18,
    recurrent_init="fan_in",
    recurrent_scale=0.5,
    forget_bias=1.0,
    clip_norm=0.3,
    learning_rate=1e-1,
)
MODERN_CLOCKWORK_GRU = replace(MODERN, model="clockwork_gru", units=19, learned_initial_state=True, learning_rate=1e-1)
MODERN_SIMPLE_RNN = replace(
    MODERN,
    model="simple_rnn",
    units=27,
    periods=(),
    learned_initial_state=True,
    learning_rate=1e-3,
)

# Koutník et al. 2014, section 4.1, at about 1000 parameters, on the first of their targets. All initial weights are from
# N(0, 0.1), biases taken as weights; the loss is half the sum of squared errors; nothing is clipped.
PAPER = replace(
    MODERN,
    recipe="paper",
    units=40,
    recurrent_init="normal",
    recurrent_scale=0.1,
    weight_std=0.1,
    bias_std=0.1,
    target=str(HERE / "data" / "koutnik2014_figure5_targets.csv"),
    loss="half_sum",
    epochs=2000,
    optimizer="sgd",
    learning_rate=3e-4,
    decay="constant",
    momentum=0.95,
    clip_norm=0.0,
)
PAPER_LSTM = replace(PAPER, model="lstm", units=15, periods=(), forget_bias=5.0, peepholes=True, learning_rate=3e-5)
PAPER_SIMPLE_RNN = replace(PAPER, model="simple_rnn", units=31, periods=())

# The earlier TensorFlow project at about 800 parameters, on music. Its LSTM has one constant input of zero.
TENSORFLOW_2016 = replace(
    MODERN,
    recipe="tensorflow-2016",
    recurrent_init="normal",
    recurrent_scale=0.1,
    weight_std=0.1,
    target=str(HERE / "data" / "music.flac"),
    output_activation="tanh",
    optimizer="rmsprop",
    learning_rate=1e-2,
    decay="staircase",
    momentum=0.0,
    second_moment=0.9,
    epsilon=1e-10,
    clip_norm=0.0,
)
TENSORFLOW_2016_LSTM = replace(
    TENSORFLOW_2016,
    model="lstm",
    units=13,
    periods=(),
    constant_input=True,
    forget_bias=5.0,
    dropout=0.1,
    learning_rate=1e-3,
)

# Spoken words with about 10,000 parameters: the best setting known of each method, found by `python -m experiments search`.
MODERN_WORDS = Words(
    recipe="modern",
    # The network.
    model="clockwork_rnn",
    units=102,
    periods=(1, 2, 4, 8, 16, 32, 64),
    recurrent_init="normal",
    recurrent_scale=0.1,
    weight_std=0.1,
    forget_bias=1.0,
    dropout=0.6,
    # The corpus.
    corpus=None,
    timit=None,
    test_list=None,
    test_speakers=(),
    test_share=None,
    longest=3.0,
    cache_dir=HERE / "data" / "cache",
    classify=(),
    # Training.
    input_noise=1.0,
    batch_size=25,
    patience=0,
    epochs=60,
    learning_rate=3e-3,
    clip_norm=1.0,
    **SHARED,
)
MODERN_WORDS_LSTM = replace(
    MODERN_WORDS,
    model="lstm",
    units=41,
    periods=(),
    recurrent_init="fan_in",
    recurrent_scale=1.0,
    forget_bias=5.0,
    peepholes=True,
    input_noise=0.6,
    learning_rate=1e-2,
)
MODERN_WORDS_GRU = replace(
    MODERN_WORDS_LSTM,
    model="gru",
    units=47,
    recurrent_scale=2.0,
    dropout=0.3,
    peepholes=False,
    input_noise=1.0,
    clip_norm=0.1,
    learning_rate=3e-3,
)
MODERN_WORDS_CLOCKWORK_LSTM = replace(
    MODERN_WORDS,
    model="clockwork_lstm",
    units=51,
    recurrent_init="fan_in",
    recurrent_scale=2.0,
    dropout=0.3,
    clip_norm=0.1,
    learning_rate=1e-2,
)
MODERN_WORDS_CLOCKWORK_GRU = replace(
    MODERN_WORDS,
    model="clockwork_gru",
    units=59,
    recurrent_init="fan_in",
    recurrent_scale=0.5,
    dropout=0.0,
    input_noise=0.6,
    clip_norm=0.1,
    learning_rate=1e-2,
)
MODERN_WORDS_SIMPLE_RNN = replace(
    MODERN_WORDS,
    model="simple_rnn",
    units=84,
    periods=(),
    recurrent_init="fan_in",
    recurrent_scale=1.0,
    dropout=0.0,
    input_noise=0.6,
    learning_rate=1e-3,
)

# Koutník et al. 2014, section 4.2. The paper does not say how many words one update sees: here it is one.
PAPER_WORDS = replace(
    MODERN_WORDS,
    recipe="paper",
    bias_std=0.1,
    dropout=0.0,
    input_noise=0.6,
    batch_size=1,
    patience=5,
    epochs=500,
    optimizer="sgd",
    learning_rate=3e-4,
    decay="constant",
    clip_norm=0.0,
)
PAPER_WORDS_LSTM = replace(PAPER_WORDS, model="lstm", units=41, periods=(), forget_bias=5.0, peepholes=True)
PAPER_WORDS_SIMPLE_RNN = replace(PAPER_WORDS, model="simple_rnn", units=84, periods=())

# Speech, sample by sample, with about 46,000 parameters. With a window of one sample and as much noise on it as there is
# signal, the Clockwork RNN goes by its clock, and can go on when it hears only itself. Learning rates and noise were tried on
# another utterance than the one that ships as default; for GRUs and gated cells with clocks nothing was tried.
MODERN_SPEECH = Speech(
    recipe="modern",
    # The network.
    model="clockwork_rnn",
    units=238,
    periods=tuple(2**i for i in range(14)),
    recurrent_init="orthogonal",
    recurrent_scale=1.0,
    weight_std=0.05,
    forget_bias=1.0,
    dropout=0.0,
    # The utterance.
    utterance=None,
    timit=None,
    seconds=0.0,
    window=1,
    generate=False,
    phones=None,
    # Training.
    chunk=8192,
    forget_every=0,
    forget_growth=1.0,
    input_noise=1.0,
    weight_penalty=0.0,
    own_output=0.0,
    own_output_from=0.0,
    own_output_until=0.5,
    epochs=400,
    learning_rate=6e-3,
    clip_norm=0.1,
    **SHARED,
)
MODERN_SPEECH_LSTM = replace(MODERN_SPEECH, model="lstm", units=80, periods=(), learning_rate=1e-2)
MODERN_SPEECH_GRU = replace(MODERN_SPEECH_LSTM, model="gru", units=95)
MODERN_SPEECH_CLOCKWORK_LSTM = replace(MODERN_SPEECH, model="clockwork_lstm", units=98)
MODERN_SPEECH_CLOCKWORK_GRU = replace(MODERN_SPEECH, model="clockwork_gru", units=119)
MODERN_SPEECH_SIMPLE_RNN = replace(MODERN_SPEECH, model="simple_rnn", units=184, periods=(), learning_rate=1e-3)
# A research diary of 2014: a simple RNN of 200 units that sees 200 samples, trained on the truth, without clipping or
# regularisation. Its optimiser is not known; plain stochastic gradient descent is assumed.
DIARY_SPEECH = replace(
    MODERN_SPEECH_SIMPLE_RNN,
    recipe="diary",
    units=200,
    window=200,
    input_noise=0.0,
    epochs=40,
    optimizer="sgd",
    learning_rate=1e-2,
    decay="constant",
    momentum=0.0,
    clip_norm=0.0,
)

# Text, character by character, with about 500,000 parameters.
MODERN_TEXT = Text(
    recipe="modern",
    # The network.
    model="clockwork_rnn",
    units=744,
    periods=(1, 4, 16, 64),
    recurrent_init="orthogonal",
    recurrent_scale=1.0,
    weight_std=0.05,
    forget_bias=1.0,
    dropout=0.0,
    # The text.
    text=None,
    test_share=0.1,
    # Training.
    streams=16,
    chunk=128,
    forget_every=0,
    forget_growth=1.0,
    epochs=20,
    learning_rate=2e-3,
    clip_norm=1.0,
    # What a trained run writes.
    sample=False,
    prime=None,
    sample_length=500,
    temperature=0.7,
    **SHARED,
)
MODERN_TEXT_LSTM = replace(MODERN_TEXT, model="lstm", units=295, periods=(), learning_rate=3.2e-2)
MODERN_TEXT_GRU = replace(MODERN_TEXT_LSTM, model="gru", units=344, learning_rate=8e-3)
MODERN_TEXT_CLOCKWORK_LSTM = replace(MODERN_TEXT, model="clockwork_lstm", units=357, learning_rate=3.2e-2)
MODERN_TEXT_CLOCKWORK_GRU = replace(MODERN_TEXT, model="clockwork_gru", units=418, learning_rate=8e-3)
MODERN_TEXT_SIMPLE_RNN = replace(MODERN_TEXT, model="simple_rnn", units=611, periods=())

# A user's own measurements, with 12,000 to 15,000 parameters. Model, readout, noise, dropout, epochs and learning rate are the best of a handful that
# were tried on the training parts of series; the clockwork GRU was ahead of the Clockwork RNN on classes and on long series, behind on short ones.
# The learning rate is that of classes: a third of it was ahead by a few percent on forecasts.
MODERN_SERIES = Series(
    recipe="modern",
    # The network.
    model="clockwork_gru",
    units=68,
    periods=(1, 2, 4, 8, 16, 32, 64),
    recurrent_init="orthogonal",
    recurrent_scale=1.0,
    weight_std=0.05,
    forget_bias=1.0,
    dropout=0.3,
    # The series.
    data=None,
    test_data=None,
    label=None,
    target=(),
    horizon=12,
    columns=(),
    known=(),
    time=None,
    every=None,
    group=None,
    test_groups=None,
    season=0,
    test_share=None,
    readout="mean",
    predict=None,
    # Training.
    chunk=256,
    batch_size=16,
    input_noise=0.3,
    patience=5,
    epochs=40,
    learning_rate=1e-2,
    clip_norm=1.0,
    **SHARED,
)
MODERN_SERIES_CLOCKWORK_RNN = replace(MODERN_SERIES, model="clockwork_rnn", units=112)
MODERN_SERIES_CLOCKWORK_LSTM = replace(MODERN_SERIES, model="clockwork_lstm", units=60)
MODERN_SERIES_LSTM = replace(MODERN_SERIES, model="lstm", units=47, periods=())
MODERN_SERIES_GRU = replace(MODERN_SERIES_LSTM, model="gru", units=55)
MODERN_SERIES_SIMPLE_RNN = replace(MODERN_SERIES, model="simple_rnn", units=92, periods=())

# Handwriting, with about 10,000 parameters; the LSTM is best. Of the learning rates 3e-3, 1e-2 and 3e-2, tried for 8 epochs of 1000 lines, the
# last was best for each model but the GRU, which was not tried, by the error on validation lines.
MODERN_HANDWRITING = Handwriting(
    recipe="modern",
    # The network, in each direction.
    model="lstm",
    units=25,
    periods=(),
    recurrent_init="orthogonal",
    recurrent_scale=1.0,
    weight_std=0.1,
    forget_bias=1.0,
    dropout=0.0,
    # The lines.
    iam=None,
    lines=2000,
    every=3,
    points="offsets",
    read=(),
    # Training.
    input_noise=0.0,
    batch_size=16,
    patience=0,
    epochs=20,
    learning_rate=3e-2,
    clip_norm=10.0,
    **SHARED,
)
MODERN_HANDWRITING_GRU = replace(MODERN_HANDWRITING, model="gru", units=28)
MODERN_HANDWRITING_SIMPLE_RNN = replace(MODERN_HANDWRITING, model="simple_rnn", units=40)
MODERN_HANDWRITING_CLOCKWORK_RNN = replace(
    MODERN_HANDWRITING, model="clockwork_rnn", units=45, periods=tuple(2**i for i in range(9))
)
MODERN_HANDWRITING_CLOCKWORK_LSTM = replace(MODERN_HANDWRITING_CLOCKWORK_RNN, model="clockwork_lstm", units=30)
MODERN_HANDWRITING_CLOCKWORK_GRU = replace(MODERN_HANDWRITING_CLOCKWORK_RNN, model="clockwork_gru", units=33)
# The paper's settings. Its noise is not known here, nor how many lines made an update: one is assumed, as for the words.
PAPER_HANDWRITING = replace(
    MODERN_HANDWRITING_CLOCKWORK_RNN,
    recipe="paper",
    recurrent_init="normal",
    recurrent_scale=0.1,
    bias_std=0.1,
    points="positions",
    batch_size=1,
    patience=50,
    epochs=1000,
    optimizer="sgd",
    learning_rate=3e-4,
    decay="constant",
    clip_norm=0.0,
)
PAPER_HANDWRITING_LSTM = replace(PAPER_HANDWRITING, model="lstm", units=25, periods=(), learning_rate=3e-3)
PAPER_HANDWRITING_SIMPLE_RNN = replace(PAPER_HANDWRITING, model="simple_rnn", units=40, periods=())

TASKS = {
    "generation": (
        sequence_generation.SequenceGeneration,
        [
            MODERN,
            MODERN_LSTM,
            MODERN_SIMPLE_RNN,
            MODERN_GRU,
            MODERN_CLOCKWORK_LSTM,
            MODERN_CLOCKWORK_GRU,
            PAPER,
            PAPER_LSTM,
            PAPER_SIMPLE_RNN,
            TENSORFLOW_2016,
            TENSORFLOW_2016_LSTM,
        ],
    ),
    "words": (
        spoken_words.SpokenWords,
        [
            MODERN_WORDS,
            MODERN_WORDS_LSTM,
            MODERN_WORDS_SIMPLE_RNN,
            MODERN_WORDS_GRU,
            MODERN_WORDS_CLOCKWORK_LSTM,
            MODERN_WORDS_CLOCKWORK_GRU,
            PAPER_WORDS,
            PAPER_WORDS_LSTM,
            PAPER_WORDS_SIMPLE_RNN,
        ],
    ),
    "speech": (
        speech_prediction.SpeechPrediction,
        [
            MODERN_SPEECH,
            MODERN_SPEECH_LSTM,
            MODERN_SPEECH_SIMPLE_RNN,
            MODERN_SPEECH_GRU,
            MODERN_SPEECH_CLOCKWORK_LSTM,
            MODERN_SPEECH_CLOCKWORK_GRU,
            DIARY_SPEECH,
        ],
    ),
    "text": (
        character_model.CharacterModel,
        [
            MODERN_TEXT,
            MODERN_TEXT_LSTM,
            MODERN_TEXT_SIMPLE_RNN,
            MODERN_TEXT_GRU,
            MODERN_TEXT_CLOCKWORK_LSTM,
            MODERN_TEXT_CLOCKWORK_GRU,
        ],
    ),
    "series": (
        series.SeriesTask,
        [
            MODERN_SERIES,
            MODERN_SERIES_CLOCKWORK_RNN,
            MODERN_SERIES_CLOCKWORK_LSTM,
            MODERN_SERIES_LSTM,
            MODERN_SERIES_GRU,
            MODERN_SERIES_SIMPLE_RNN,
        ],
    ),
    "handwriting": (
        handwriting.Handwriting,
        [
            MODERN_HANDWRITING,
            MODERN_HANDWRITING_SIMPLE_RNN,
            MODERN_HANDWRITING_GRU,
            MODERN_HANDWRITING_CLOCKWORK_RNN,
            MODERN_HANDWRITING_CLOCKWORK_LSTM,
            MODERN_HANDWRITING_CLOCKWORK_GRU,
            PAPER_HANDWRITING,
            PAPER_HANDWRITING_LSTM,
            PAPER_HANDWRITING_SIMPLE_RNN,
        ],
    ),
}


def recipe(task: str, **settings: Any) -> Any:
    """Return the settings of a task: `recipe` and `model` choose where they start, and all others change them."""
    _, recipes = TASKS[task]
    return replace(command_line.start(recipes, settings), **settings)


def main(arguments: list[str], set_flags: bool = False) -> int:
    """Do what the command line says, perhaps with XLA's flags set; returns the exit status."""
    try:
        if arguments[:1] == ["compare"]:
            return compare.main(arguments[1:])
        task_class, settings = command_line.read(arguments, TASKS)
        start = recipe(task_class.name, recipe=settings.recipe, model=settings.model)
    except (ValueError, OSError) as error:
        return command_line.refuse(error)
    if set_flags:
        program.set_flags(settings)
    return program.carry_out(task_class, settings, start)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], set_flags=True))
