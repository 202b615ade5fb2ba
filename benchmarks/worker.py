"""A process with the contestants of one framework: `python -m benchmarks.worker MODULE` answers requests, a line of JSON each.

{"do": "make", "key": 0, "spec": {...}, "quantities": ["update"]} → {"parameters": 792, "first": {"update": 1.9}}, in seconds
{"do": "time", "key": 0, "quantity": "update"}         → {"seconds": 0.0005}, of one update
{"do": "close", "key": 0}                              → {}

What goes wrong is answered by {"error": "..."}.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import TextIO

from benchmarks import timing
from benchmarks.contest import Contestant, Spec


def serve(make: Callable[[Spec], Contestant], requests: TextIO, answers: TextIO) -> None:
    """Answer requests until there are no more."""
    contestants: dict[int, Contestant] = {}
    for line in requests:
        try:
            answer = _answer(json.loads(line), make, contestants)
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(request: dict, make: Callable[[Spec], Contestant], contestants: dict[int, Contestant]) -> dict:
    key = request["key"]
    if request["do"] == "make":
        spec = request["spec"]
        contestants[key] = made = make(Spec(**spec | {"periods": tuple(spec["periods"])}))
        first = {quantity: timing.once(getattr(made, quantity)) for quantity in request["quantities"]}
        return {"parameters": made.parameters, "first": first}
    if request["do"] == "time":
        quantity, contestant = request["quantity"], contestants[key]
        seconds = timing.settled(getattr(contestant, quantity))
        return {"seconds": seconds / (contestant.updates if quantity == "update" else 1)}
    del contestants[key]
    gc.collect()
    return {}


def main() -> None:
    with open(os.dup(1), "w") as answers, contextlib.redirect_stdout(sys.stderr):
        os.dup2(2, 1)  # whatever a framework prints is no answer
        serve(importlib.import_module(sys.argv[1]).make, sys.stdin, answers)


if __name__ == "__main__":
    main()
