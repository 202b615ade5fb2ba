"""Contestants in processes of their own, one process a framework, of which only one computes at a time."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import contest, timing
from benchmarks.contest import Spec

ROOT = Path(__file__).parents[1]
LONG = 0.5  # seconds an update, from which on a contestant has fewer turns


class Worker:
    """One framework's process, and what is asked of it.

    Raises:
        ChildProcessError: it died; names the framework, the request and what it said.
        RuntimeError: it could not do what was asked; names the same.
    """

    def __init__(self, framework: str, module: str):
        self.framework = framework
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        backend = "jax" if framework == "keras-jax" else "tensorflow"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module],
            cwd=ROOT,
            env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, **request) -> dict:
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._process.stdout.readline()
        failed = f"{self.framework} failed at {request}"
        if not answer:
            raise ChildProcessError(f"{failed}: exit status {self._process.wait()}\n{self._said()}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"{failed}: {answer['error']}")
        return answer

    def _said(self) -> str:
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-10:])

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # what a dead process never read
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


class Field:
    """All contestants that are compared: who they are, what they weigh, how long they take.

    Use it as a context; processes start when a framework is first needed and end with it.
    """

    def __init__(self):
        self._workers: dict[str, Worker] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self._workers.values():
            worker.close()

    def compare(
        self, specs: Sequence[Spec], quantities: Iterable[str], seconds: float, least: int
    ) -> tuple[list[dict], dict[str, dict[Spec, np.ndarray]]]:
        """Make contestants, time each quantity in turn, round after round, and let them go.

        Args:
            specs: who takes part.
            quantities: of "update" and "forward"; what makes many updates in a program is timed at updates alone.
            seconds, least: see `timing.rounds`.

        Returns:
            for each spec {"parameters", "first": {quantity: seconds of the first call}}, and quantity → spec → seconds.
        """
        asked = {spec: [q for q in quantities if q == "update" or spec.updates == 1] for spec in specs}
        made = [
            self._worker(spec).ask(do="make", key=key, spec=asdict(spec), quantities=asked[spec])
            for key, spec in enumerate(specs)
        ]
        times = {}
        for quantity in quantities:
            turns = {
                spec: partial(self._time, spec, key, quantity)
                for key, spec in enumerate(specs)
                if quantity in asked[spec]
            }
            times[quantity] = timing.rounds(turns, seconds, least, LONG)
        for key, spec in enumerate(specs):
            self._worker(spec).ask(do="close", key=key)
        return made, times

    def _time(self, spec: Spec, key: int, quantity: str) -> float:
        return self._worker(spec).ask(do="time", key=key, quantity=quantity)["seconds"]

    def _worker(self, spec: Spec) -> Worker:
        """Return the process of a framework; Keras on TensorFlow has one, with XLA and without."""
        name = spec.framework.removesuffix("-xla")
        if name not in self._workers:
            self._workers[name] = Worker(name, contest.MODULES[name][0])
            tiny = Spec(spec.framework, "simple_rnn", 2, 2, 1)  # starts the framework's compiler, which takes seconds
            self._workers[name].ask(do="make", key=-1, spec=asdict(tiny), quantities=["update"])
        return self._workers[name]
