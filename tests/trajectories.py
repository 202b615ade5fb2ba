"""Small trainings of all tasks whose first updates were written down when each task was trained by Keras's `fit`."""

from dataclasses import replace
from pathlib import Path

from main import recipe
from tasks.character_model import CharacterModel
from tasks.sequence_generation import SequenceGeneration
from tasks.speech_prediction import SpeechPrediction
from tasks.spoken_words import SpokenWords

FILE = Path(__file__).with_name("trajectories.json")
TEXT = "the slow clock keeps what the fast one forgets. " * 20
GENERATION = {"length": 40, "epochs": 20, "seed": 3}
WORDS = {"units": 14, "epochs": 4, "seed": 3}
SPEECH = {"units": 10, "periods": (1, 2, 8, 64), "window": 7, "chunk": 32, "seconds": 0.01, "epochs": 4, "seed": 3}
TEXTS = {"units": 12, "prime": "the ", "periods": (1, 8), "streams": 4, "chunk": 32, "epochs": 4, "seed": 3}

# name → (task, settings but for where files are)
TRAJECTORIES = {
    "generation": (SequenceGeneration, recipe("generation", units=18, learning_rate=5e-3, **GENERATION)),
    "generation paper": (SequenceGeneration, recipe("generation", recipe="paper", units=18, **GENERATION)),
    "generation lstm": (SequenceGeneration, recipe("generation", model="lstm", units=5, dropout=0.3, **GENERATION)),
    "generation 2016": (
        SequenceGeneration,
        recipe("generation", recipe="tensorflow-2016", model="lstm", units=5, **GENERATION),
    ),
    "words": (SpokenWords, recipe("words", **WORDS)),
    "words lstm": (SpokenWords, recipe("words", model="lstm", **WORDS)),
    "words without noise": (SpokenWords, recipe("words", input_noise=0.0, dropout=0.0, **WORDS)),
    "speech": (SpeechPrediction, recipe("speech", **SPEECH)),
    "speech own output": (
        SpeechPrediction,
        recipe("speech", own_output=0.8, weight_penalty=1e-3, dropout=0.1, **SPEECH),
    ),
    "speech means": (SpeechPrediction, recipe("speech", **SPEECH | {"input_mean": True, "chunk": 30})),
    "speech lstm": (SpeechPrediction, recipe("speech", model="lstm", **SPEECH | {"units": 4, "periods": ()})),
    "text": (CharacterModel, recipe("text", **TEXTS)),
    "text forgetting": (
        CharacterModel,
        recipe("text", forget_every=2, forget_growth=1.5, dropout=0.2, **TEXTS),
    ),
    "text gru": (CharacterModel, recipe("text", model="clockwork_gru", learning_rate=2e-3, **TEXTS | {"chunk": 30})),
}


def make(name: str, folder: Path):
    """Return the task class and settings of one of the trainings, with what it reads and writes in a folder."""
    task_class, settings = TRAJECTORIES[name]
    changes = {"name": "a", "results_dir": folder / "results", "log_dir": folder / "log"}
    if task_class is SpokenWords:
        changes["cache_dir"] = folder / "cache"
    if task_class is CharacterModel:
        (folder / "text.txt").write_text(TEXT)
        changes["text"] = str(folder / "text.txt")
    return task_class, replace(settings, **changes)
