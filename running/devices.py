"""One update shared by several devices: each sees a part of the sequences, and the gradients are averaged (`tf.distribute`)."""

import dataclasses
import json
import os
import re
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from running import signals
from running.cluster import ROOT, said_of_data
from running.loop import Loop
from running.settings import TrainingSettings
from running.trained import data_in_short, same_data
from tasks.task import Carried, Task

OWN = {"results_dir", "log_dir", "checkpoint_seconds"}  # settings that a worker may have otherwise than another
MOST_SETTINGS = 200


def strategy(devices: int) -> tf.distribute.Strategy | None:
    """Return how updates are shared, or None where one device makes them; to be called before TensorFlow computes anything.

    Args:
        devices: of this machine: graphics processors where there are any, else processors. With several workers in the
            environment variable `TF_CONFIG` each shares all its graphics processors, or its processor.

    Raises:
        ValueError: there are fewer devices, or `TF_CONFIG` is not a cluster's description.
    """
    if devices < 1:
        raise ValueError(f"`devices` must be at least 1. Received: {devices}")
    if workers():
        if devices > 1:
            raise ValueError(f"`devices` must be 1 where TF_CONFIG names several workers. Received: {devices}")
        try:
            with signals.by_default():  # TensorFlow waits without Python, and takes SIGTERM for its own: Ctrl-C ends it
                print(f"waiting for all of {', '.join(workers())} …", flush=True)
                return tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.OpError as error:
            address = workers()[_config()[1]]
            raise ValueError(f"TF_CONFIG must name an address to listen at. Received: {address} ({error})") from None
    if devices == 1:
        return None
    there = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if devices > len(there):
        kind = there[0].device_type
        raise ValueError(f"`devices` must be at most {len(there)}, the {kind}s of this machine. Received: {devices}")
    return tf.distribute.MirroredStrategy([device.name for device in there[:devices]])


def check_split(sharing: tf.distribute.Strategy, task: Task) -> None:
    """Raise a ValueError if the sequences of an update cannot be split evenly."""
    parts = sharing.num_replicas_in_sync
    if task.sequences_of_update % parts:
        what = "the devices of all workers of TF_CONFIG" if workers() else "`devices`"
        wanted = f"divide the sequences of an update, {task.sequences_of_update} here"
        raise ValueError(f"{what} must {wanted}. Received: {parts}")


def check_same(sharing: tf.distribute.Strategy, task: Task) -> None:
    """Raise a ValueError that names the first setting, or else the data, that another worker has otherwise; all must call this."""
    settings = {"task": task.name} | dataclasses.asdict(task.settings)
    names = [name for name in settings if name not in OWN]
    own = np.zeros(MOST_SETTINGS, np.int64)
    texts = (repr(settings[name]).replace(str(ROOT), ".") for name in names)  # a checkout may be elsewhere
    own[: len(names)] = [zlib.crc32(text.encode()) for text in texts]
    every = _of_all(sharing, own)  # [workers, settings]
    if other := [name for name, values in zip(names, every.T, strict=False) if len(set(values.tolist())) > 1]:
        raise ValueError(f"`{other[0]}` must be the same for all workers of TF_CONFIG. Received: {settings[other[0]]}")
    first, *others = _of_all(sharing, data_in_short(task.kept))
    if not all(same_data(first, data) for data in others):
        files = said_of_data(task.settings)
        raise ValueError(f"{files} must hold the same for all workers of TF_CONFIG. Received: other data elsewhere")


def _of_all(sharing: tf.distribute.Strategy, own: np.ndarray) -> np.ndarray:
    """Return what each worker has [workers, ...]."""
    try:
        return sharing.gather(sharing.run(lambda: tf.constant(own[None])), axis=0).numpy()
    except tf.errors.OpError as error:
        raise ConnectionError("another worker cannot be reached any more") from error


def workers() -> list[str]:
    """Return the addresses of the workers that `TF_CONFIG` names, none where it is one alone.

    Raises:
        ValueError: it does not describe a cluster.
    """
    return _config()[0]


def is_chief() -> bool:
    """Return whether this process is the worker that writes: the only one, or the first."""
    return _config()[1] == 0


def _config() -> tuple[list[str], int]:
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return [], 0
    try:
        config = json.loads(text)
        found, index = config["cluster"]["worker"], config["task"]["index"]
        named = isinstance(found, list) and all(map(_is_address, found))
        named = named and len(set(found)) == len(found)  # one address twice would be waited for
        named = named and len(config["cluster"]) == 1  # a chief or a server would be another one, which does not come
        if config["task"]["type"] == "worker" and named and index in range(len(found)):
            return (found, int(index)) if len(found) > 1 else ([], 0)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    form = '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}'
    raise ValueError(f"TF_CONFIG must be JSON of the form {form}. Received: {text:.200}")


def _is_address(worker: Any) -> bool:
    return bool(re.fullmatch(r"\S+:[0-9]{1,5}", str(worker))) and int(worker.rpartition(":")[2]) < 2**16


class LostWorkerError(Exception):
    """One of several workers that share each update cannot be reached any more."""


class SharedLoop(Loop):
    """The training loop, each of whose updates several devices share; to rounding, it does what one device would do.

    Args:
        sharing: what `strategy` returned.
        task, settings: as of any loop.
    """

    most = 1  # for workers wait for each other at every update, by its number within the call

    def __init__(self, sharing: tf.distribute.Strategy, task: Task, settings: TrainingSettings):
        self.sharing, self.parts = sharing, sharing.num_replicas_in_sync
        self._of_part = tf.function(self._gradients_of_part, jit_compile=True, autograph=False)
        super().__init__(task, settings)

    def call(self, count: int) -> None:
        try:
            if count:
                super().call(count)
            else:
                self._compile()
        except tf.errors.OpError as error:
            if not workers() or isinstance(error, tf.errors.ResourceExhaustedError):  # for want of memory here
                raise
            raise LostWorkerError("another worker cannot be reached any more") from error

    def _compile(self) -> None:
        """Make an update that does not count, because parts are compiled only where they run."""
        before, places = self.progress, self.places
        self.places = self.task.places()
        super().call(1)
        self.progress, self.places = before, places

    def _compiled(self, function: Any) -> Any:
        return tf.function(function, autograph=False)  # exchanging gradients is not for XLA; each device's are

    def _of_update(self, weights, carried, data, place, number, seeds, periods):
        def on_device():
            part = tf.distribute.get_replica_context().replica_id_in_sync_group
            return self._of_part(weights, carried, data, place, number, seeds, periods, part)

        gradients, after, note, weight = self.sharing.run(on_device)
        gradients, note, weight = (self.sharing.reduce("SUM", own, axis=None) for own in (gradients, note, weight))
        weight = tf.maximum(weight, 1.0)[:, None]
        state = [
            tf.ensure_shape(self.sharing.gather(own, axis=1), before.shape)
            for own, before in zip(after.state, carried.state, strict=True)
        ]
        return (
            gradients / weight,
            Carried(state, self.sharing.experimental_local_results(after.clock)[0]),
            note / weight,
        )

    def _gradients_of_part(self, weights, carried, data, place, number, seeds, periods, part):
        moment = self._moment(number, seeds, periods, part, self.parts)
        cut = moment.draws.cut
        if place.shape.rank:  # the examples of each replica's own [R, B]
            place = cut(place, 1)
        else:
            data = tf.nest.map_structure(lambda values: cut(values, 1), data)  # [batches, B, ...]
        carried = carried._replace(state=[cut(own, 1) for own in carried.state])  # [R, B, ...]
        gradients, after, note = self._gradients(weights, carried, data, place, moment)
        weight = self.task.weight(tf.nest.map_structure(lambda values: tf.gather(values, place), data[1]))  # [R]
        return gradients * weight[:, None], after, note * weight[:, None], weight


def make_loop(task: Task, settings: TrainingSettings, sharing: tf.distribute.Strategy | None) -> Loop:
    """Return the loop of one device, or of those that share each update."""
    return SharedLoop(sharing, task, settings) if sharing else Loop(task, settings)
