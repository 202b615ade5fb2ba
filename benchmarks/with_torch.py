"""Contestants of PyTorch's own layers, each with one thread or with all, whichever is faster for it."""

from collections.abc import Callable

import torch

from benchmarks import timing
from benchmarks.contest import RATE, Contestant, Spec

LAYERS = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
THREADS = (1, torch.get_num_threads())


def make(spec: Spec) -> Contestant:
    torch.manual_seed(0)
    layer = LAYERS[spec.cell](spec.features, spec.units, batch_first=True)
    readout = torch.nn.Linear(spec.units, 1, bias=False)
    optimizer = torch.optim.SGD([*layer.parameters(), *readout.parameters()], lr=RATE)
    inputs = torch.randn(spec.batch, spec.steps, spec.features)  # [B, T, features]
    targets = torch.randn(spec.batch, spec.steps, 1)  # [B, T, 1]

    def loss():
        return torch.mean((readout(layer(inputs)[0]) - targets) ** 2)

    def update():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def forward():
        with torch.no_grad():
            loss()

    parameters = sum(parameter.numel() for parameter in layer.parameters())
    return Contestant(fastest(update), fastest(forward), parameters)


def fastest(function: Callable[[], None]) -> Callable[[], None]:
    """Return a function with the number of threads that suits it; small ones lose by waiting for each other."""

    def with_threads(threads: int) -> Callable[[], None]:
        def call():
            torch.set_num_threads(threads)
            function()

        return call

    function()
    return min(map(with_threads, THREADS), key=timing.block)
