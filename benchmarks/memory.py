"""Print the peak memory in MiB of one training update: `python -m benchmarks.memory UNITS MODULES STEPS BATCH`."""

from running import signals

if __name__ == "__main__":
    signals.end_quietly()

import argparse
import re
from pathlib import Path

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from benchmarks import contestants


def peak() -> float:
    """Return the largest memory that this process has held, from Linux; `getrusage` would include its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__.partition(":")[0])
    for name in ("units", "modules", "steps", "batch"):
        parser.add_argument(name, type=int)
    units, modules, steps, batch = vars(parser.parse_args()).values()
    contestants.with_keras(contestants.clockwork(units, modules), 2, 1, xla=True).update()  # what compiling takes
    before = peak()
    contestants.with_keras(contestants.clockwork(units, modules), steps, batch, xla=True).update()
    print(f"{peak() - before:.1f}")


if __name__ == "__main__":
    main()
