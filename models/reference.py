"""The Clockwork RNN as a plain loop over time, to read beside the paper; everything else is tested against it.

Koutník, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014, section 3. The paper multiplies matrices by column vectors,
W h, where its W is block upper triangular; the code multiplies row vectors by matrices, h W, so here W is block LOWER
triangular: its row blocks are sources and its column blocks listeners, fastest module first.
"""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def simple(seen, said, state, peepholes, f=np.tanh):
    """Equation 1: h = f(W_H h(t−1) + W_I x(t) + b)."""
    return [f(said[0] + seen[0])]


def lstm(seen, said, state, peepholes, f=np.tanh, gate=sigmoid):
    """Hochreiter and Schmidhuber 1997, with peepholes (Gers et al. 2002); gates in the order i, f, g, o."""
    (i, forget, g, o), c, (p_i, p_f, p_o) = seen + said, state[1], peepholes
    c_new = gate(forget + p_f * c) * c + gate(i + p_i * c) * f(g)
    return [gate(o + p_o * c_new) * f(c_new), c_new]


def gru(seen, said, state, peepholes, f=np.tanh, gate=sigmoid):
    """Cho et al. 2014, the reset gate after the product; gates in the order z, r, n."""
    z, r = gate(seen[0] + said[0]), gate(seen[1] + said[1])
    return [z * state[0] + (1 - z) * f(seen[2] + r * said[2])]


GATES = {simple: 1, lstm: 4, gru: 3}


def clockwork(x, kernel, recurrent, bias, modules, cell=simple, state=None, clock=None, mask=None, **options):
    """Run a network step by step, sequence by sequence, module by module.

    Args:
        x: inputs [B, T, features].
        kernel, recurrent, bias: W_I [features, gates · n], W_H [n, gates · n] and b [gates · n], for a GRU [2, 3 · n].
        modules: with sizes, periods, phases, and hears: who (row) hears whom (column).
        cell: `simple`, `lstm` or `gru`.
        state: before the first step: h, for an LSTM also c, each [B, n]; None is 0.
        clock: the number of the first step of each sequence [B]; None is 0.
        mask: which steps exist, boolean [B, T]; None is all.
        options: peepholes [3, n]; input_mean (from clock 0): whether a module sees the mean of the inputs over its last
            period; f and gate, the activations.

    Returns:
        The parts of the state after every step, each [B, T, n], and the clocks after the last [B].
    """
    (batch, steps, _), n, gates = x.shape, sum(modules.sizes), GATES[cell]
    peepholes, input_mean = options.pop("peepholes", np.zeros((3, n))), options.pop("input_mean", False)
    kernel, recurrent = kernel.reshape(-1, gates, n), recurrent.reshape(n, gates, n)
    by_input, by_modules = [*bias.reshape(-1, gates, n), np.zeros((gates, n))][:2]
    parts = 2 if cell is lstm else 1
    state = np.zeros((parts, batch, n), x.dtype) if state is None else np.array(state, x.dtype)
    clock = np.zeros(batch, int) if clock is None else np.array(clock)
    ends = np.cumsum(modules.sizes)
    units = [slice(end - size, end) for end, size in zip(ends, modules.sizes)]
    outputs = np.zeros((parts, batch, steps, n), x.dtype)
    for b in range(batch):
        read = []
        for t in range(steps):
            if mask is None or mask[b, t]:
                before = state[:, b].copy()  # the state at t−1
                read.append(x[b, t])
                for i, (own, period, phase) in enumerate(zip(units, modules.periods, modules.phases)):
                    if (clock[b] - phase) % period == 0:  # module i fires; otherwise it holds its state
                        x_t = np.mean(read[-period:], axis=0) if input_mean else x[b, t]
                        seen = by_input[:, own] + np.einsum("x,xgk->gk", x_t, kernel[..., own])
                        said = by_modules[:, own]
                        for j, source in enumerate(units):
                            if modules.hears[i][j]:
                                said = said + np.einsum("h,hgk->gk", before[0, source], recurrent[source, :, own])
                        state[:, b, own] = cell(seen, said, before[:, own], peepholes[:, own], **options)
                clock[b] += 1
            outputs[:, b, t] = state[:, b]
    return outputs, clock
