"""Generate one sequence without any input: the network's weights become a code of it (Koutník et al. 2014, section 4.1)."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tensorflow as tf

from data.files import read_json
from data.sequences import Target, load_target
from models.clocks import sizes_from_spectrum
from tasks.flag import Flag
from tasks.network import Network, Silence
from tasks.network_settings import NetworkSettings, clock, is_clocked
from tasks.report import Quantity, Report, Sound, Table
from tasks.task import Task, layer_modules, mean_squared_error
from tasks.trained_model import load_json, load_model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    help_group = "data"

    target: Annotated[str | None, Flag(also=("file", "csv", "wav", "sound"))]
    """Sound file (WAV, FLAC, …) or CSV file to generate; without it, a mixture of four sines."""
    start: int
    """First sample, or data row, of the excerpt."""
    length: int
    """Steps of the excerpt."""
    column: str | None
    """Column of a CSV file, by name or by number from 1; without it, the first."""
    sizes: Annotated[Literal["equal", "spectrum"], Flag("clock")]
    """Split the units evenly, or in proportion to the target's energy in the octaves of the modules (clockwork models only)."""
    output_activation: Annotated[Literal["linear", "tanh"], Flag("network")]
    """Activation of the output unit."""
    constant_input: Annotated[bool, Flag("network")]
    """Feed one constant zero, whose weights count but do nothing, instead of no input."""
    loss: Annotated[Literal["mse", "half_sum"], Flag("training")]
    """Mean of the squared errors over time, or half their sum."""


class SequenceGeneration(Task):
    """Generate the target from nothing but the clock; one epoch is one update on the whole sequence.

    Args:
        settings, seeds: as for any task.
        targets: of each replica [R, T], instead of the one that the settings name.

    Raises:
        ValueError: the target cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "generation"
    example = "--target data/music.flac --start 44100"
    batches = 1
    lengths = ("length",)
    fixed = ("sizes", "output_activation", "constant_input", "loss")

    def __init__(
        self, settings: Settings, seeds: Sequence[int] | None = None, targets: Sequence[Sequence[float]] | None = None
    ):
        super().__init__(settings, seeds)
        self.metrics = {"mse": mean_squared_error}
        self.target = load_target(settings.target, settings.start, settings.length, settings.column)
        self.wanted = self.target.values[None] if targets is None else np.array(targets, np.float32)  # [1 or R, T]
        self.inputs = np.zeros((1, settings.length, int(settings.constant_input)), np.float32)  # [1, T, 0 or 1]
        self.data = self.inputs[None], self.wanted[None, :, None, :, None]
        self.steps_of_update = settings.length
        front = Silence(int(settings.constant_input))
        self.network = Network(settings, front, 1, settings.output_activation, sizes=self._sizes())
        self._latest = None

    def _sizes(self) -> tuple[int, ...] | None:
        settings = self.settings
        if settings.sizes == "equal":
            return None
        if not is_clocked(settings.model):
            raise ValueError(f"`sizes` is for the clockwork models. Received: spectrum for {settings.model}")
        return sizes_from_spectrum(self.target.values, clock(settings)[0], settings.units)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        if self.settings.loss == "half_sum":
            return 0.5 * tf.reduce_sum((outputs - targets) ** 2, axis=[-3, -2, -1])
        return mean_squared_error(targets, outputs)

    def evaluate(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        mse = np.mean((self.outputs(weights) - self.wanted.astype(float)) ** 2, axis=1)
        # The paper's NMSE has the ½ of its loss; the usual one is twice as large.
        nmse = mse / np.var(self.wanted, axis=1)
        return {"mse": mse, "nmse": nmse, "nmse_paper": nmse / 2, "target_sha256": _sha256(self.target.values)}

    def quantities(self) -> dict[str, Quantity]:
        variance, what = float(np.var(self.wanted, axis=1).mean()), "a constant at the mean"
        return {
            "mse": Quantity("mean squared error", "", variance, what, decades=True),
            "nmse": Quantity("MSE / variance of the target", "", 1.0, what),
            "nmse_paper": Quantity("NMSE of Koutník et al., half of that", "", 0.5, what),
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks import figures

        target, (states, outputs) = self.target, self._run(weights)
        drawn = {"signal": figures.signal_figure(target.values, _alive(outputs), target.rate, target.source)}
        sounds = {"target": Sound(target.values, target.rate)} if target.rate else {}
        if np.isfinite(weights[0]).all():
            drawn["states"] = figures.states_figure(states[0], layer_modules(self.network.hidden), target.rate)
            sounds |= {"output": _sound(outputs[0], target.rate)} if target.rate else {}
        else:
            print("states and sound are not shown: the first network, of which they would be, diverged")
        return Report(drawn, sounds, tables={"signal": _table(target, outputs)})

    def outputs(self, weights: np.ndarray, periods: np.ndarray | None = None) -> np.ndarray:
        """Return what networks of these weights [R, P], and perhaps periods [R, g], generate [R, T]."""
        return self._run(weights, periods)[1]

    def _run(self, weights: np.ndarray, periods: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden states [R, T, n] and the outputs [R, T]; the latest are kept, for who asks again."""
        asked = (weights, periods)
        if self._latest is None or not all(np.array_equal(*pair) for pair in zip(self._latest[0], asked, strict=True)):
            arrays = self.network.split(tf.constant(weights))
            own = None if periods is None else tf.constant(periods, tf.int32)
            states, outputs = self.network.states_and_outputs(arrays, self.inputs, own)
            kept = tuple(part if part is None else np.copy(part) for part in asked)  # whose owner may change them
            self._latest = kept, (states[:, 0].numpy(), outputs[:, 0, :, 0].numpy())
        return self._latest[1]

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Run a trained run's model again, for as long as `length` says, and write what it makes into the folder."""
        from tasks import figures

        (trained,) = load_json(folder / "config.json", length=int)
        learned = read_json(folder / "metrics.json").get("target_sha256")  # older runs do not say it
        steps, further = settings.length, max(settings.length - trained, 0)
        if steps < 1:
            raise ValueError(f"`length` must be at least 1. Received: {steps}")
        target = load_target(settings.target, settings.start, trained, settings.column, further)
        same = learned in (None, _sha256(target.values[:trained]))
        parts = {"it was trained on": slice(trained), "behind them": slice(trained, None)}
        if not same:
            parts = {"of another target than it was trained on": slice(None)}
        features = int(settings.constant_input)
        network = load_model(folder, features, outputs=1)
        outputs = network(np.zeros((1, steps, features), np.float32)).numpy()[..., 0]  # [1, T]
        missing = (0, max(steps - len(target.values), 0))  # what the source does not have
        target = dataclasses.replace(target, values=np.pad(target.values, missing, constant_values=np.nan)[:steps])
        squares = (outputs[0].astype(float) - target.values) ** 2
        for where, part in parts.items():
            known = squares[part][np.isfinite(squares[part])]
            if len(known):
                print(f"mean squared error {known.mean():.4g} over the {len(known)} steps {where}")
        name = f"generated_{steps}{'' if same and _as_named(folder, settings) else _of_units(target)}"
        end = trained if further else None
        drawn = figures.signal_figure(target.values, outputs, target.rate, target.source, end)
        sounds = {name: _sound(outputs[0], target.rate)} if target.rate else {}
        Report({name: drawn}, sounds, tables={name: _table(target, outputs)}).write(folder)
        print(
            f"{', '.join(f'{name}{suffix}' for suffix in ('.png', '.csv', '.npz', *('.wav',) * len(sounds)))} are in {folder}"
        )


def _as_named(folder: Path, settings: Settings) -> bool:
    """Return whether settings name the target that a run was trained on."""
    config = read_json(folder / "config.json")
    own = {name: getattr(settings, name) for name in ("target", "start", "column")}
    return own == {name: config.get(name, value) for name, value in own.items()}


def _of_units(target: Target) -> str:
    """Return what tells a target from others, which may differ in units alone, in the name of a file."""
    return f"_{_sha256(target.in_units(target.values))[:8]}"


def _sha256(values: np.ndarray) -> str:
    return hashlib.sha256(np.asarray(values, float).tobytes()).hexdigest()


def _table(target: Target, outputs: np.ndarray) -> Table:
    """Return a target and what networks [R, T] make of it, in the units and the time of the source."""
    own = target.in_units(outputs)
    several = {"network": own} if len(own) > 1 else {}
    values = {"target": target.in_units(target.values), "output": np.median(_alive(own), axis=0)}
    return target.times(outputs.shape[1]) | values | several


def _alive(outputs: np.ndarray) -> np.ndarray:
    """Return the outputs [R, T] of networks that did not diverge."""
    return outputs[np.isfinite(outputs).all(axis=1)]


def _sound(output: np.ndarray, rate: int) -> Sound:
    return Sound(np.nan_to_num(output).clip(-1, 1), rate)
