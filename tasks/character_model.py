"""Predict the next character of a text from all before it, and write by drawing from what is predicted."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf

from data.text import load_text
from models.clocks import LARGEST
from tasks import forgetting
from tasks.flag import Flag
from tasks.forgetting import ForgettingSettings
from tasks.network import Network
from tasks.network_settings import NetworkSettings
from tasks.report import Quantity, Report
from tasks.task import Carried, Moment, Task, compiled, first, layer_modules
from tasks.trained_model import load_json, load_model

PRIME = "The "
SHOWN = 100  # characters in the picture of the states
BLOCK = 20_000  # characters that are written at once, between which Ctrl-C is heeded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(ForgettingSettings, NetworkSettings):
    help_group = "data"

    text: Annotated[str | None, Flag(also=("file", "corpus"))]
    """Text file in UTF-8; without it, the language topics of Python's help()."""
    test_share: float
    """Share of the text, its end, that is kept for testing."""
    streams: Annotated[int, Flag("training", also=("batch", "batch_size"))]
    """Places of the text at which one update reads on: sequences of a batch."""
    chunk: Annotated[int, Flag("training")]
    """Characters of each stream in one update; state and clock are carried to the next one, errors are not carried back."""
    sample: Annotated[bool, Flag("trained run", also=("generate", "write"))]
    """Write with a trained run."""
    prime: Annotated[str | None, Flag("trained run", also=("prompt",))]
    """Beginning to go on from; without it, "The " or, where the text has no such letters, the first of its characters."""
    sample_length: Annotated[int, Flag("trained run")]
    """Characters to write."""
    temperature: Annotated[float, Flag("trained run")]
    """What the logits are divided by when characters are drawn; towards 0 the most probable one is taken."""


@keras.saving.register_keras_serializable(package="clockwork_rnn")
class OneHot(keras.layers.Layer):
    """Indices [B, T] as vectors with a single one [B, T, size]."""

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, indices):
        return tf.one_hot(indices, self.size, dtype=self.compute_dtype)

    def compute_output_spec(self, indices):
        return keras.KerasTensor((*indices.shape, self.size), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"size": self.size}


@dataclasses.dataclass(frozen=True)
class Characters:
    """Indices of characters, seen as vectors with a single one.

    Args:
        streams: B.
        features: how many characters there are.
    """

    streams: int
    features: int
    noise: float = 0.0

    def seen(self, inputs, add_noise):
        return tf.one_hot(inputs, self.features), None

    def in_keras(self, replica):
        characters = keras.Input((None,), batch_size=self.streams, dtype="int32")
        return characters, OneHot(self.features)(characters)


class CharacterModel(Task):
    """Read a text in several streams, chunk after chunk; one epoch is one pass over the training part.

    Raises:
        ValueError: the text cannot be had, or the network cannot be built; names the argument or file, what was expected
            and what came.
    """

    name = "text"
    example = "--text README.md --epochs 10"
    of_data = ("text", "test_share")
    epoch_quantity = "bits per character"
    lengths = ("streams", "chunk")

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None):
        super().__init__(settings, seeds)
        self.metrics = {"bits": self.loss}
        _check(settings)
        self.text = load_text(settings.text)
        if len(self.text.characters) == 1:
            raise ValueError(f"`text` must hold different characters. Received: only {self.text.characters!r}")
        count = len(self.text.indices)
        tested = round(settings.test_share * count)
        self.training, self.testing = np.split(self.text.indices, [count - tested])
        streams, chunk = settings.streams, settings.chunk
        self.batches = (len(self.training) - 1) // (streams * chunk)
        if self.batches < 1 or len(self.testing) < 3:
            least = settings.streams * settings.chunk + 1
            raise ValueError(
                f"`text` must hold at least {least} characters for training (`streams` × `chunk` + 1) and 3 for testing. "
                f"Received: {len(self.training)} and {len(self.testing)} in {self.text.source}"
            )
        self.prime = _prime(settings.prime, self.text.characters)
        self.sequences_of_update = streams
        # A step of the test text, read at once, takes half as much: there is no way back.
        self.steps_of_update = max(streams * chunk, len(self.testing) // 2)
        length = self.batches * chunk  # of a stream
        self.data = tuple(
            self.training[shift : shift + streams * length].reshape(streams, self.batches, chunk).swapaxes(0, 1)
            for shift in (0, 1)
        )  # what is read and what is wanted [batches, streams, T]
        characters = len(self.text.characters)
        self.network = Network(settings, Characters(streams, characters), characters, streams=streams)

    @property
    def kept(self) -> tuple:
        return self.data, self.testing

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean cross-entropy in bits a character."""
        targets = tf.broadcast_to(targets, outputs.shape[:-1])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        return tf.reduce_mean(losses, axis=[-2, -1]) / math.log(2)

    def forward(self, weights: list[tf.Tensor], inputs: tf.Tensor, carried: Carried, moment: Moment):
        kept = forgetting.where_kept(carried, self.settings, moment.update, self.batches)
        return self.read_on(weights, inputs, kept, moment)

    def after_epoch(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"bits_per_character": self._bits(weights)}

    def evaluate(self, weights: np.ndarray) -> dict:
        return {
            "bits_per_character": self._bits(weights),
            "characters": self.text.characters,
            "training_characters": len(self.training),
            "test_characters": len(self.testing),
            "text": self.text.source,
            "text_sha256": self.text.sha256,
        }

    def quantities(self) -> dict[str, Quantity]:
        counts = np.bincount(self.training, minlength=len(self.text.characters)) + 1  # so that none is impossible
        bits = -np.log2(counts / counts.sum())
        what = "characters by how frequent they are"
        return {
            "bits_per_character": Quantity("bits per character", "", float(bits[self.testing[1:]].mean()), what),
            "bits": Quantity("bits per character in training", "", float(bits[self.training].mean()), what),
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks import figures

        weights, settings, shown = first(weights), self.settings, self.testing[:SHOWN]
        states = compiled(lambda w, read: self.network.states_and_outputs(self.network.split(w), read)[0])(
            weights, shown[None]
        )
        network = self.network.keras_model(weights[0])
        written = write(network, self.text.characters, self.prime, settings.sample_length, settings.temperature, 0)
        modules = layer_modules(self.network.hidden)
        text = [self.text.characters[index] for index in self.testing]
        drawn = {"states": figures.states_figure(states[0, 0].numpy(), modules, None, below=text[:SHOWN])}
        tested = {"position": len(self.training) + np.arange(1, len(self.testing)), "character": np.array(text[1:])}
        tested["bits"] = self._read(weights)[1].numpy()[0]
        return Report(drawn, texts={"sample": self.prime + written}, tables={"test_text": tested})

    def _bits(self, weights: np.ndarray) -> np.ndarray:
        """Return the bits a character [R] on the test text, read as one sequence from a state of 0."""
        return self._read(weights)[0].numpy().astype(float)

    def _read(self, weights: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the mean bits [R] and those of each character but the first [R, N − 1] of the test text."""
        return self._test(weights, self.testing[None, :-1], self.testing[None, 1:])

    @functools.cached_property
    def _test(self):
        def bits(weights, read, wanted):  # of one replica after the other: the states of a long text are many
            def one(own):
                outputs = self.network.apply(self.network.split(own[None]), read)
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, outputs[0])[0] / math.log(2)
                return self.loss(wanted, outputs)[0], each

            return tf.map_fn(one, weights, fn_output_signature=(tf.float32, tf.float32))

        return compiled(bits)

    @classmethod
    def made(cls, settings: Settings) -> tuple[str, int]:
        return "sample_length", settings.sample_length

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Let a trained run write on from the prime, and print what it writes."""
        if not settings.sample:
            raise ValueError("`run` needs `sample`, to write with the trained run. Received: not set")
        _check_sampling(settings)
        (characters,) = load_json(folder / "metrics.json", characters=str)
        prime = _prime(settings.prime, characters)
        network = load_model(folder, features=len(characters), outputs=len(characters))
        length, temperature = settings.sample_length, settings.temperature
        print(prime + write(network, characters, prime, length, temperature, settings.seed))


def write(
    network: keras.Model, characters: str, prime: Sequence[str], length: int, temperature: float, seed: int
) -> str:
    """Return so many characters that a network of `CharacterModel` draws after a beginning.

    Args:
        network: whose state is not touched; it begins from 0.
        characters: those that it knows, in order.
        prime: what it reads first, at least one character.
        length: how many to write.
        temperature: what the logits are divided by.
        seed: of the draws.
    """
    begun, steps = [characters.index(character) for character in prime], len(prime) + length - 1
    block = min(steps, BLOCK)
    draw, read, state = _writer(network, len(begun), block), begun[:1], network.get_layer("hidden").get_initial_state(1)
    for begin in range(0, steps, block):
        drawn, state = draw(state, *map(tf.constant, (read[-1], begin, begun, temperature, seed)))
        read.extend(drawn.numpy())
    return "".join(characters[index] for index in read[len(begun) : steps + 1])


@functools.lru_cache(maxsize=1)
def _writer(network: keras.Model, begun: int, block: int):
    """Return the compiled loop of `write`, one block of it.

    It takes the state before a character, its index and step, the indices of the prime [begun], the temperature and the
    seed, and returns the indices behind it [block] and the state that they leave.
    """
    hidden, output = network.get_layer("hidden"), network.get_layer("output")

    def run(state, index, first, prime, temperature, seed):
        step = hidden.stepper()
        kernel, bias = (tf.convert_to_tensor(weights) for weights in (output.kernel, output.bias))
        divisor = tf.maximum(temperature, np.finfo(np.float32).tiny)

        def read_and_draw(place, index, state, read):
            t = first + place
            seen = tf.one_hot(index[None], output.units, dtype=kernel.dtype)
            state = step(seen, state)
            logits = state[0] @ kernel + bias
            logits = (logits - tf.reduce_max(logits)) / divisor
            drawn = tf.random.stateless_categorical(logits, 1, [seed, t], tf.int32)[0, 0]
            index = tf.where(t + 1 < begun, prime[tf.minimum(t + 1, begun - 1)], drawn)
            return place + 1, index, state, read.write(place, index)

        start = (0, index, state, tf.TensorArray(tf.int32, block, element_shape=[]))
        *_, state, read = tf.while_loop(lambda place, *_: place < block, read_and_draw, start)
        return read.stack(), state

    return tf.function(run, jit_compile=True, autograph=False)


def _prime(prime: str | None, characters: str) -> str:
    """Return what a network goes on from, of characters that it knows."""
    if prime is None:
        return PRIME if set(PRIME) <= set(characters) else characters[0]
    if unknown := sorted(set(prime) - set(characters)):
        raise ValueError(f"`prime` must be of characters that are in the text. Received: also {unknown}")
    return prime


def _check(settings: Settings) -> None:
    for name in ("streams", "chunk"):
        if getattr(settings, name) < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {getattr(settings, name)}")
    if not 0 < settings.test_share < 1:
        raise ValueError(f"`test_share` must be between 0 and 1. Received: {settings.test_share}")
    forgetting.check(settings)
    if settings.sample:
        raise ValueError("`sample` needs `run`, the name of a trained run. Received: none")
    _check_sampling(settings)


def _check_sampling(settings: Settings) -> None:
    if settings.prime == "":
        raise ValueError("`prime` must have at least one character. Received: none")
    if settings.sample_length < 1:
        raise ValueError(f"`sample_length` must be at least 1. Received: {settings.sample_length}")
    if settings.sample_length > LARGEST - len(settings.prime or PRIME):
        raise ValueError(f"`sample_length` must be below {LARGEST}, less the prime. Received: {settings.sample_length}")
    if not 0 < settings.temperature < math.inf:
        raise ValueError(f"`temperature` must be above 0. Received: {settings.temperature}")
