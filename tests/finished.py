"""A tiny run of generation: its settings, what it leaves, and how it is interrupted."""

from dataclasses import replace

import main
from running.trained import Trained

TINY = main.recipe("generation", units=3, periods=(1, 2), length=12, epochs=60, checkpoint_seconds=0.0)
GOOD = ("model.keras", "metrics.json", "config.json", "checkpoint.npz")


def settings_in(folder, **changes):
    return replace(TINY, name="a", results_dir=folder / "results", log_dir=folder / "log", **changes)


def contents(settings):
    folder = settings.results_dir / "generation" / "a"
    return {name: (folder / name).read_bytes() for name in GOOD}


def names(settings):
    return {
        path.name for folder in (settings.results_dir, settings.log_dir) for path in (folder / "generation").iterdir()
    }


def stop_after(updates, patch, error=KeyboardInterrupt):
    look = Trained.look

    def stop(self):
        look(self)
        if self.seen >= updates:
            raise error

    patch.setattr(Trained, "look", stop)
