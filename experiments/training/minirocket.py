"""MiniRocket (Dempster, Schmidt and Webb 2021), run by the Python of an environment that has aeon: ASKED.npz FOUND.npz."""

import sys
import time

import numpy as np
from aeon.classification.convolution_based import MiniRocketClassifier


def main(asked: str, found: str) -> None:
    """Read `training` and `testing` [N, F, T], `labels` and `seeds`; write what each seed says [seeds, tests], and its seconds."""
    with np.load(asked) as given:
        training, labels, testing, seeds = (given[name] for name in ("training", "labels", "testing", "seeds"))
    MiniRocketClassifier(random_state=0).fit(training, labels)  # compiles, which is not counted
    said, seconds = [], []
    for seed in seeds:
        began = time.perf_counter()
        classifier = MiniRocketClassifier(random_state=int(seed)).fit(training, labels)
        seconds.append(time.perf_counter() - began)
        said.append(classifier.predict(testing))
    np.savez(found, said=np.array(said), seconds=np.array(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
