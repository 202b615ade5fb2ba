"""What TensorBoard shows of updates: the replicas' mean and spread as scalars, and the first replica's weights."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf


def write(scalars: Mapping[str, np.ndarray], step: int, arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Write to the default writer, all at once.

    Args:
        scalars: values of the replicas that count [R]; shown are their mean and, of several, median and quartiles.
        step: the number of the update.
        arrays: to be shown as histograms, those that have one: all numbers finite.
    """
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    parts = []
    for name, values in scalars.items():
        if not len(values):
            continue
        parts.append(scalar_pb(name, np.mean(values)))
        if len(values) > 1:
            quartiles = zip(("lower_quartile", "median", "upper_quartile"), (25, 50, 75), strict=True)
            parts += [scalar_pb(f"{name}/{kind}", np.percentile(values, share)) for kind, share in quartiles]
    parts += [histogram_pb(name, array) for name, array in (arrays or {}).items() if np.isfinite(array).all()]
    for part in parts[1:]:
        parts[0].MergeFrom(part)
    if parts:
        tf.summary.experimental.write_raw_pb(parts[0].SerializeToString(), step=step)
