"""The tables and pictures of the generation experiment, laid out like the paper's."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer
from experiments.markdown import ahead, markdown, mean, middle, times
from experiments.pictures import NAIVE, NAMES, band, boxes, generated, legend, panels
from experiments.published import GENERATION_NMSE, GENERATION_TABLE_3
from experiments.statistics import holm, quartiles, rank_p, ratio
from experiments.store import Store
from tasks.figures import plain

TITLES = {
    "paper": "the paper's setting, with gradients clipped",
    "paper_unclipped": "the paper's setting, without clipping",
    "modern": "the best setting known of each method",
}
CONSTANT = 0.5  # the paper's NMSE of a constant output, the mean of the target


def tables(store: Store) -> dict[str, str]:
    frame = store["figure3"]
    found = {f"generation-{setting.replace('_', '-')}": _errors(cell) for setting, cell in _settings(frame)}
    found["generation-by-target"] = _by_target(frame)
    found["generation-order"] = _order(frame)
    found["generation-time"] = _times(store["figure3_time"])
    return found


def answers(store: Store) -> list[Answer]:
    """Return how much less the error of the Clockwork RNN is than the LSTM's with 1000 parameters, in both settings."""
    frame, found = store["figure3"], []
    for setting, cell in _settings(frame[frame.parameters == frame.parameters.max()]):
        own, lstm = (cell[cell.method == method].mse for method in ("clockwork_rnn", "lstm"))
        asked = f"Is the Clockwork RNN ahead of the LSTM on the paper's sequences, in {TITLES[setting]}?"
        effect = f"LSTM : Clockwork RNN {times(ratio(lstm, own))}, {cell.parameters.iloc[0]} parameters"
        found.append(Answer(asked, ahead(own, lstm, rank_p(own, lstm)), effect, int((frame.setting == setting).sum())))
    return found


def _settings(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for setting in TITLES:
        if len(cell := frame[frame.setting == setting]):
            yield setting, cell


def _kinds(frame: pd.DataFrame) -> Iterator[tuple[int, str, pd.DataFrame]]:
    """Yield (parameters, method, rows), small networks first and methods in the paper's order."""
    for parameters in sorted(frame.parameters.unique()):
        for method in GENERATION_NMSE:
            if len(cell := frame[(frame.parameters == parameters) & (frame.method == method)]):
                yield parameters, method, cell


def _errors(frame: pd.DataFrame) -> str:
    """Return the errors of one setting by parameters and method, beside the published ones."""
    modern = frame.setting.iloc[0] == "modern"
    head = ["parameters", "network", "units", "median (quartiles)", "mean ± std", "diverged"]
    head += [] if modern else ["published median (quartiles)", "ours : published", "published mean ± std (Table 3)"]
    lines = []
    for parameters, method, cell in _kinds(frame):
        values = cell.mse if modern else cell.nmse_paper
        words = [parameters, NAMES[method], cell.units.iloc[0], middle(values), mean(values)]
        words.append(f"{cell.diverged.sum()} of {len(cell)}")
        if not modern:
            first, published, third = GENERATION_NMSE[method][parameters]
            words += [f"{published:.2g} ({first:.2g}–{third:.2g})", f"{quartiles(values)[1] / published:.2f}"]
            words.append("{} ± {}".format(*GENERATION_TABLE_3[method]) if parameters == 1000 else "")
        lines.append([str(word).replace("inf", "∞") for word in words])
    return markdown(head, lines)


def _by_target(frame: pd.DataFrame) -> str:
    """Return the median MSE for each target alone."""
    targets = list(dict.fromkeys(frame.target))
    lines = []
    for setting, own in _settings(frame):
        for parameters, method, cell in _kinds(own):
            medians = (f"{quartiles(cell[cell.target == target].mse)[1]:.2g}" for target in targets)
            lines.append(
                [setting.replace("_", " "), parameters, NAMES[method], *(m.replace("inf", "∞") for m in medians)]
            )
    return markdown(["setting", "parameters", "network", *(target.replace("_", " ") for target in targets)], lines)


def _order(frame: pd.DataFrame) -> str:
    """Return how sure the order of methods is: a rank test for each size and target, adjusted for all tests of a setting."""
    lines = []
    for setting, own in _settings(frame):
        family = [
            (better, worse, *_compared(cell, better, worse))
            for better, worse in (("clockwork_rnn", "lstm"), ("lstm", "simple_rnn"))
            for _, cell in own.groupby(["parameters", "target"], sort=False)
            if {better, worse} <= set(cell.method)
        ]
        tests = pd.DataFrame(family, columns=["better", "worse", "ahead", "p"])
        tests["p"] = holm(tests.p)
        for (better, worse), cell in tests.groupby(["better", "worse"], sort=False):
            name = f"{NAMES[better]} below {NAMES[worse]}"
            lines.append((setting.replace("_", " "), name, f"{cell.ahead.sum()} of {len(cell)}", f"{cell.p.max():.0e}"))
    return markdown(("setting", "order of medians", "sizes × targets", "largest p"), lines)


def _compared(cell: pd.DataFrame, better: str, worse: str) -> tuple[bool, float]:
    own, other = (cell[cell.method == method].mse for method in (better, worse))
    return quartiles(own)[1] < quartiles(other)[1], rank_p(own, other)


def _times(frame: pd.DataFrame) -> str:
    head = ("setting", "networks", "updates", "minutes", "processes of one core", "processor")
    return markdown(head, frame.itertuples(index=False))


def pictures(store: Store) -> dict[str, Figure]:
    frame = store["figure3"]
    found = {"figure3": errors_figure(frame), "figure3_curves": curves_figure(store["figure3_curves"])}
    return found | {"figure5": outputs_figure(store["figure5"])}


def _drawn(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the settings to draw: all but the unclipped one, or else what there is."""
    cells = dict(_settings(frame))
    return {setting: cell for setting, cell in cells.items() if setting != "paper_unclipped"} or cells


def errors_figure(frame: pd.DataFrame) -> Figure:
    """Draw the NMSE of all networks like Figure 3, with the published quartiles beside."""
    drawn, sizes = _drawn(frame), sorted(frame.parameters.unique())
    with panels(len(drawn), 1, 7, 3 * len(drawn) + 0.5, sharex=True) as (figure, axes):
        for (axis,), (setting, cell) in zip(axes, drawn.items(), strict=True):
            boxes(axis, cell, "nmse_paper", sizes, GENERATION_NMSE)
            axis.axhline(CONSTANT, label="constant output", **NAIVE)
            axis.set(yscale="log", title=TITLES[setting], ylabel="NMSE (½ MSE / variance)")
        axes[-1][0].set_xlabel("parameters, about")
        legend(figure, axes[0][0])
    return figure


def curves_figure(frame: pd.DataFrame) -> Figure:
    """Draw the median MSE and its quartiles, by update and by time, for the largest networks of each setting."""
    drawn = _drawn(frame)
    with panels(len(drawn), 2, 7, 2.8 * len(drawn) + 0.3, sharey="row", sharex="col") as (figure, axes):
        for row, (setting, cell) in zip(axes, drawn.items(), strict=True):
            largest = cell[cell.parameters == cell.parameters.max()]
            for method, curve in largest.groupby("method", sort=False):
                for axis, x in zip(row, ("update", "seconds"), strict=True):
                    band(axis, curve[x], curve, method)
                    axis.set_yscale("log")
                    axis.set_xlim(left=0)
            row[0].set(ylabel="MSE")
            row[0].set_title(f"{TITLES[setting]}, {cell.parameters.max()} parameters", loc="left")
        axes[-1][0].set_xlabel("updates")
        axes[-1][1].set_xlabel("time of one network on one core (s)")
        legend(figure, axes[0][0])
    return figure


def outputs_figure(frame: pd.DataFrame) -> Figure:
    """Draw the best network's output for each target (rows) and method (columns), over the target."""
    targets = list(dict.fromkeys(frame.target))
    methods = [method for method in NAMES if method in frame]
    with panels(len(targets), len(methods), 7, 1.2 * len(targets) + 0.9, sharex=True, sharey=True) as (figure, axes):
        for row, target in zip(axes, targets, strict=True):
            own = frame[frame.target == target]
            for axis, method in zip(row, methods, strict=True):
                generated(axis, own.wanted, own[method], method)
                nmse = ((own[method] - own.wanted) ** 2).mean() / own.wanted.var(ddof=0) / 2
                axis.set_title(f"NMSE {nmse:.2g}", fontsize=8, loc="right", pad=2)
            row[0].set_ylabel(plain(target.replace("_", " ")))
        for axis in axes[-1]:
            axis.set_xlabel("time step")
        legend(figure, *axes[0])
    return figure
