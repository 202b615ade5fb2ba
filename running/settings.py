"""How networks are trained; the same for all tasks."""

import dataclasses
import math
from typing import Annotated, Literal

import numpy as np

from models.clocks import LARGEST
from tasks.flag import Flag


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """Which recipe the settings started from."""

    recipe: Annotated[str, Flag(first=1)]
    """A set of values for all other flags, which change them one by one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; the same for all tasks."""

    help_group = "training"

    epochs: Annotated[int, Flag(first=5, also=("iterations", "updates", "steps"))]
    """Epochs to train: passes over the training data, unless the task says otherwise."""
    optimizer: Annotated[Literal["adam", "sgd", "rmsprop"], Flag(also=("optim",))]
    """Adam, stochastic gradient descent with Nesterov momentum, or RMSProp as TensorFlow 0.12 had it."""
    learning_rate: Annotated[float, Flag(first=6, also=("lr", "step_size", "eta"))]
    """Learning rate at the first update."""
    decay: Annotated[Literal["constant", "cosine", "staircase"], Flag(also=("schedule", "lr_schedule", "scheduler"))]
    """How the learning rate falls: not, by half a cosine to 0 at the end, or in steps."""
    decay_factor: float
    """What a step of the staircase multiplies the learning rate by."""
    decay_updates: int
    """Updates from one step of the staircase to the next."""
    momentum: Annotated[float, Flag(also=("beta1", "beta_1"))]
    """Nesterov momentum of sgd, or the first decay rate β₁ of adam."""
    second_moment: Annotated[float, Flag(also=("beta2", "beta_2", "rho"))]
    """Decay rate of the mean squared gradients: β₂ of adam, ρ of rmsprop."""
    epsilon: float
    """What adam and rmsprop add to the denominator."""
    clip_norm: float
    """Global norm to which longer gradients are shortened; 0 leaves them."""
    seed: int
    """Random seed; the same seed gives the same weights."""
    replicas: Annotated[int, Flag(also=("networks", "runs", "population"))]
    """Networks to train at once, with the seeds from the given one on; results are their mean and spread."""

    def check(self) -> None:
        """Raise a ValueError that names the first setting out of range."""
        for name, lowest in [
            ("epochs", 1),
            ("decay_updates", 1),
            ("decay_factor", 0),
            ("epsilon", 0),
            ("clip_norm", 0),
            ("seed", 0),
            ("replicas", 1),
        ]:
            value = getattr(self, name)
            if not lowest <= value < math.inf:
                raise ValueError(f"`{name}` must be at least {lowest}. Received: {value}")
        if self.seed + self.replicas - 1 > LARGEST:
            least = LARGEST - self.replicas + 1
            raise ValueError(f"`seed` must be at most {least} for {self.replicas} replicas. Received: {self.seed}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        for name in ("momentum", "second_moment"):
            if not 0 <= np.float32(getattr(self, name)) < 1:  # as it is computed with
                raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {getattr(self, name)}")
