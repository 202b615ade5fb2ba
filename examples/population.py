"""A population: twenty networks trained at once in one program, each as its seed gives alone.

Run from the repository root: `python examples/population.py`. It trains the networks of `python main.py --replicas 20`, without its
files, and prints how far their errors spread.
"""

import sys

sys.path.insert(0, f"{sys.path[0]}/..")
import numpy as np

import running.quiet  # noqa: F401 (TensorFlow without its remarks)
from main import recipe
from running.trained import train_silently
from tasks.sequence_generation import SequenceGeneration


def main(**changes) -> np.ndarray:
    """Return the mean squared error of each network [20], of the recipe with some settings changed."""
    settings = recipe("generation", replicas=20, **changes)
    trained = train_silently(SequenceGeneration(settings), settings)
    mse = trained.values()["mse"]
    print(f"{len(mse)} networks of {trained.task.network.size} weights, {settings.epochs} updates each,", end=" ")
    print(f"in {trained.loop.progress.seconds[-1]:.2f} s and the time to compile")
    print(f"MSE: median {np.median(mse):.1e}, from {mse.min():.1e} to {mse.max():.1e}; best seed {mse.argmin()}")
    return mse


if __name__ == "__main__":
    sys.exit(__doc__) if sys.argv[1:] else main()
