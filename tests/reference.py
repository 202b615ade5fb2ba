"""The Clockwork RNN as plain NumPy loops that read like the paper's equations: what the fast code is tested against."""

import numpy as np


def clockwork_rnn(
    x,
    kernel,
    recurrent,
    bias,
    sizes,
    periods,
    phases,
    hears,
    activation=np.tanh,
    h=None,
    clock=None,
    mask=None,
    input_mean=False,
):
    """Run step by step, module by module. x [B, T, features] → hidden states [B, T, n], and the clocks after [B].

    With `input_mean` the clock must start at 0, since it averages what it reads itself.
    """
    batch, steps = x.shape[:2]
    ends = np.cumsum(sizes)
    units = [range(end - size, end) for size, end in zip(sizes, ends)]
    h = np.zeros((batch, ends[-1]), x.dtype) if h is None else np.array(h, x.dtype)
    clock = np.zeros(batch, int) if clock is None else np.array(clock)
    read = [[] for _ in range(batch)]
    outputs = []
    for t in range(steps):
        for b in range(batch):
            if mask is not None and not mask[b, t]:
                continue
            before = h[b].copy()
            read[b].append(x[b, t])
            for i in range(len(sizes)):
                if (clock[b] - phases[i]) % periods[i] != 0:
                    continue  # held
                seen = np.mean(read[b][-periods[i] :], axis=0) if input_mean else x[b, t]
                total = seen @ kernel[:, units[i]] + bias[units[i]]
                for j in range(len(sizes)):
                    if hears[i][j]:
                        total = total + before[units[j]] @ recurrent[np.ix_(units[j], units[i])]
                h[b, units[i]] = activation(total)
            clock[b] += 1
        outputs.append(h.copy())
    return np.stack(outputs, 1), clock
