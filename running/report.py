"""A run, or several beside each other, as one HTML file that holds all it shows and opens anywhere."""

import base64
from pathlib import Path
from typing import Any

from data.files import read_json, write_whole
from running.metrics import as_words, counts, rows
from tasks.report import Report

TEMPLATES = Path(__file__).parent / "templates"
PAGE = "report.html"  # the last of what a run leaves
KINDS = {".png": "image/png", ".wav": "audio/wav"}
CURVES = ("training", "epochs")  # pictures of every task, where there are any
ALT = {
    "signal": "Target and output of the network over time",
    "training": "Training curve over updates",
    "epochs": "What was measured after each epoch",
    "clock": "Which module fires at which step",
    "states": "Hidden states of each module over time",
    "confusion": "What is taken for what",
    "forecast": "Forecast and what came",
    "answers": "What the network says, over the truth",
    "lines": "Lines of handwriting and what is read",
    "confusions": "Which characters are taken for which",
    "writers": "Error of each writer's lines",
    "speech": "Waveforms and spectrograms of the utterance",
    "curves": "Training curves of the runs",
}


def write_run_page(folder: Path, report: Report) -> None:
    """Write its page into the folder of a run, from its files.

    Args:
        folder: of the run, with `config.json`, `metrics.json` and what was written of the report.
        report: which pictures, sounds and texts there are, and what is said of the sounds.
    """
    config, metrics = (read_json(folder / name) for name in ("config.json", "metrics.json"))
    names = [name for name in (*report.figures, *CURVES) if (folder / f"{name}.png").exists()]
    changed = {name: (config[name], before) for name, before in config["changed_from_recipe"].items()}
    sounds = {
        name: (data_uri(folder / f"{name}.wav"), sound.caption)
        for name, sound in report.sounds.items()
        if (folder / f"{name}.wav").exists()
    }
    write_page(
        folder / PAGE,
        "run.html",
        title=f"{metrics['task']}: {folder.name}",
        metrics=metrics,
        rows=rows(metrics),
        counts=counts(metrics),
        config=config,
        changed=changed,
        pictures={name: data_uri(folder / f"{name}.png") for name in names},
        sounds=sounds,
        texts=report.texts,
        tables=report.tables,
    )


def write_page(path: Path, template: str, **values: Any) -> None:
    """Write a page from a template, with all values escaped; whole or not at all."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    templates.filters["as_words"] = as_words
    text = templates.get_template(template).render(alt=ALT, **values)
    with write_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def data_uri(path: Path) -> str:
    """Return a picture or a sound as a URI that holds it."""
    return f"data:{KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
