import numpy as np
import pytest


@pytest.fixture
def in_this_process(monkeypatch, without_xla):
    """Let an experiment's module compute its cells in this process and without XLA, which spares starting and compiling."""

    def compute(function, cells, *_):
        return [{name: np.asarray(value) for name, value in function(**cell.arguments).items()} for cell in cells]

    return lambda module: monkeypatch.setattr(module, "compute", compute)
