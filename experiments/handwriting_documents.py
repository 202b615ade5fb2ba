"""The tables and pictures of the handwriting experiment: who errs least, and what says why."""

import string
from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.ink import ALPHABET
from data.make_handwriting import LATE
from experiments.experiment import Answer
from experiments.markdown import markdown, middle, times
from experiments.pictures import COLOURS, NAIVE, NAMES, boxes, legend, panels, points
from experiments.published import HANDWRITING_ERROR
from experiments.statistics import holm, quartiles, rank_p, ratio, verdict
from experiments.store import Store

BASE = "base"  # the variant of networks as in the comparison
INSERTED = "inserted"  # in the place of a character that was written
BINS = 10  # of a stroke
REASONS_SIZE = 10000
SMALL, LATE_ONES = "a–z but i, j, t", "i, j, t"
GROUPS = dict.fromkeys(ALPHABET, "signs") | dict.fromkeys(string.ascii_lowercase, SMALL)
GROUPS |= dict.fromkeys(LATE, LATE_ONES) | dict.fromkeys(string.ascii_uppercase, "capitals")
GROUPS |= dict.fromkeys(string.digits, "digits") | {" ": "spaces", INSERTED: INSERTED}
ORDER = (SMALL, LATE_ONES, "capitals", "digits", "signs", "spaces", INSERTED)
PARTS = {"first half": range(5), "second half": range(5, BINS), "at a lift": range(BINS, BINS + 1)}
# Two families of tests, and two of variants: five seeds can show something in a family of six at most.
FAMILIES = (
    (("clockwork_rnn", "lstm"), ("clockwork_rnn", "simple_rnn")),
    (("clockwork_lstm", "lstm"), ("lstm", "simple_rnn")),
)
POSITIONS = ("positions", "positions, LSTM")


def tables(store: Store) -> dict[str, str]:
    """Return errors by size, their tests, the networks that differ in one thing, where errors are, and the tries of the search."""
    if "handwriting" not in store:
        return {}
    rows, tries = store["handwriting"], store["handwriting_search"]
    found = {"handwriting": _errors(rows), "handwriting-order": _order(compared(rows))}
    if _asks_why(rows):
        found["handwriting-reasons"] = _reasons(rows, reasons(rows))
        found["handwriting-characters"] = _characters(by_group(store["handwriting_characters"]))
        found["handwriting-strokes"] = _strokes(store["handwriting_strokes"])
    return found | {"handwriting-search": _search(tries)}


def _asks_why(rows: pd.DataFrame) -> bool:
    """Return whether there are networks of the size of which the reasons are asked, not all of them diverged."""
    asked = (rows["size"] == REASONS_SIZE) & (rows.variant == BASE)
    return np.isfinite(rows.label_error[asked]).any()


def answers(store: Store) -> list[Answer]:
    """Return who reads with the fewest errors at each size, and which change brings the Clockwork RNN nearest to the LSTM."""
    if "handwriting" not in store:
        return []
    rows, found = store["handwriting"], []
    for size, own in rows[rows.variant == BASE].groupby("size", sort=False):
        errors = own.groupby("model", sort=False).label_error.agg(list)
        best = errors.map(np.median).idxmin()
        effect = ""
        if {"clockwork_rnn", "lstm"} <= set(errors.index):
            effect = f"Clockwork RNN : LSTM {times(ratio(errors.clockwork_rnn, errors.lstm))}"
        said = f"{NAMES[best]}, {np.median(errors[best]):.1f} %"
        asked = f"Which network reads handwriting with the fewest errors, with {size:,} parameters?"
        found.append(Answer(asked, said, effect, len(own)))
    changed = reasons(rows) if _asks_why(rows) else pd.DataFrame(columns=["model", "change"])
    if len(own := changed[(changed.model == "clockwork_rnn") & changed.change.notna()]):  # unknown where all diverged
        best = own.loc[own.change.idxmin()]
        better = verdict(best.own, best.base, best.p) == "better"
        said = f"{best.variant}: {np.median(best.own):.1f} %" if better else "None shown"
        effect = f"{best.variant} : base {times(ratio(best.own, best.base))}"
        asked = "Why does the Clockwork RNN lose on handwriting: which change lowers its error most?"
        found.append(Answer(asked, said, effect, int((rows["size"] == REASONS_SIZE).sum())))
    return found


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Return size, `one` and `other` model, the difference of their median errors, and p of the rank-sum test, adjusted within
    each of the two families."""
    errors = rows[rows.variant == BASE].groupby(["size", "model"], sort=False).label_error.agg(list)
    found = []
    for family in FAMILIES:
        lines = [
            {
                **{"size": size, "one": one, "other": other, "p": rank_p(errors[size, one], errors[size, other])},
                "difference": np.median(errors[size, one]) - np.median(errors[size, other]),
            }
            for size in errors.index.unique("size")
            for one, other in family
            if {(size, one), (size, other)} <= set(errors.index)
        ]
        found += [line | {"p": p} for line, p in zip(lines, holm([line["p"] for line in lines]), strict=True)]
    return pd.DataFrame(found, columns=["size", "one", "other", "difference", "p"])


def reasons(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each variant its model, its errors and those of the same model as it is, the change of the median, p of the
    rank-sum test, adjusted for all variants of the clock, or of the input, and the share of the gap to the LSTM that it closes."""
    at = rows[rows["size"] == REASONS_SIZE]
    errors = at.groupby(["variant", "model"], sort=False).label_error.agg(list)
    gap = at[at.variant == BASE].groupby("model").label_error.median().reindex(["clockwork_rnn", "lstm"])
    found = []
    for (variant, model), own in errors.drop(BASE, level="variant").items():
        base = errors[BASE, model]
        change = np.median(own) - np.median(base)
        line = {"variant": variant, "model": model, "own": own, "base": base, "change": change, "p": rank_p(own, base)}
        found.append(line | {"closed": -change / (gap.clockwork_rnn - gap.lstm)})
    frame = pd.DataFrame(found, columns=["variant", "model", "own", "base", "change", "p", "closed"])
    for family in (frame.variant.isin(POSITIONS), ~frame.variant.isin(POSITIONS)):
        frame.loc[family, "p"] = holm(frame.p[family])
    return frame


def by_group(characters: pd.DataFrame) -> pd.DataFrame:
    """Return (model, group of characters) → the share of all that was written, and the errors, in percent of what was written
    of the group; of insertions of all that was written: medians over seeds."""
    own = characters[(characters["size"] == REASONS_SIZE) & (characters.variant == BASE)]
    groups = own.character.map(GROUPS).rename("group")
    counts = own.groupby(["model", "seed", groups])[["written", "errors"]].sum().unstack(fill_value=0)
    written, errors = (counts[name].reindex(columns=ORDER, fill_value=0) for name in ("written", "errors"))
    whole = written.sum(axis=1)
    share = written.div(whole, axis=0)
    error = errors / written.assign(**{INSERTED: whole})
    found = pd.concat({"share": 100 * share, "error": 100 * error}, axis=1).stack(future_stack=True)
    return found.groupby(["model", "group"]).median()


def by_place(strokes: pd.DataFrame) -> pd.DataFrame:
    """Return (variant, model, place in a stroke) → the steps there, the characters said there, each in percent of all, and how
    many of these are wrong, in percent of them: of all seeds together, with 10,000 parameters."""
    own = strokes[strokes["size"] == REASONS_SIZE]
    return shares(own.groupby(["variant", "model", "place"], sort=False)[["steps", "said", "wrong"]].sum())


def shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Return counts of steps, said and wrong ones as percentages, within each variant and model."""
    whole = counts.groupby(["variant", "model"], sort=False).transform("sum")
    found = 100 * counts[["steps", "said"]] / whole[["steps", "said"]]
    return found.assign(wrong=100 * counts.wrong / counts.said)


def _errors(rows: pd.DataFrame) -> str:
    head = ("parameters", "network", "exactly", "units a direction", "learning rate", "label error (%)")
    head += ("published, IAM-OnDB", "validation (%)", "diverged", "minutes a network")
    lines = []
    for (size, model), own in _in_order(rows[rows.variant == BASE]).groupby(["size", "model"], sort=False):
        first, published = own.iloc[0], HANDWRITING_ERROR.get(model, {}).get(size, "–")
        line = [f"{size:,}", NAMES[model], first.parameters, first.units, f"{first.learning_rate:g}"]
        line += [middle(own.label_error, ".3g"), published, middle(own.validation_error, ".3g")]
        lines.append([*line, int(np.isinf(own.label_error).sum()), f"{own.seconds.mean() / 60:.2g}"])
    return markdown(head, lines)


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows by size, and the models of a size in the order of `NAMES`."""
    return rows.sort_values(
        ["size", "model"], key=lambda own: own.map(list(NAMES).index) if own.name == "model" else own
    )


def _order(found: pd.DataFrame) -> str:
    """Return a line for each pair of models with its difference and p at each size."""
    sizes, lines = found["size"].unique(), []
    for (one, other), own in found.groupby(["one", "other"], sort=False):
        own = own.set_index("size")
        cells = (f"{own.difference[size]:+.1f} (p = {own.p[size]:.2g})" for size in sizes)
        lines.append([f"{NAMES[one]} less {NAMES[other]}", *cells])
    return markdown(["points of label error", *(f"{size:,} parameters" for size in sizes)], lines)


def _reasons(rows: pd.DataFrame, found: pd.DataFrame) -> str:
    head = ("network", "changed", "units a direction", "parameters", "label error (%)", "minutes a network")
    head += ("change", "p", "of the gap to the LSTM")
    groups = dict(list(rows[rows["size"] == REASONS_SIZE].groupby(["variant", "model"])))

    def begin(variant: str, model: str) -> list:
        own = groups[variant, model]
        line = [NAMES[model], "nothing" if variant == BASE else variant, own.units.iloc[0], own.parameters.iloc[0]]
        return [*line, middle(own.label_error, ".3g"), f"{own.seconds.mean() / 60:.2g}"]

    lines = [[*begin(BASE, model), "", "", ""] for model in found.model.unique()]
    for row in found.itertuples():
        closed = f"{100 * row.closed:.0f} %" if row.model == "clockwork_rnn" and np.isfinite(row.closed) else ""
        lines.append([*begin(row.variant, row.model), f"{row.change:+.1f}", f"{row.p:.2g}", closed])
    return markdown(head, lines)


def _characters(found: pd.DataFrame) -> str:
    models = _models(found)
    lines = []
    for group in ORDER:
        share = found.share[models[0], group]
        line = [group, "" if group == INSERTED else f"{share:.1f} %"]
        lines.append([*line, *(f"{found.error[model, group]:.1f}" for model in models)])
    return markdown(["characters", "of all written", *(NAMES[model] for model in models)], lines)


def _strokes(strokes: pd.DataFrame) -> str:
    """Return what is said in either half of a stroke and where the pen is lifted, a line a network."""
    parts = strokes.place.map({place: part for part, places in PARTS.items() for place in places})
    found = by_place(strokes.assign(place=parts))
    first = found.loc[(BASE, _models(found.loc[BASE])[0])]
    lines = [["all steps", "", *(f"{first.steps.get(part, 0):.0f} %" for part in PARTS)]]
    for variant in found.index.unique("variant"):
        for model in _models(found.loc[variant]):
            own = found.loc[(variant, model)].reindex(PARTS)
            cells = [f"{row.said:.0f} % ({row.wrong:.0f} % wrong)" for row in own.fillna(0).itertuples()]
            lines.append([NAMES[model], "" if variant == BASE else variant, *cells])
    return markdown(["said by", "changed", *PARTS], lines)


def _search(tries: pd.DataFrame) -> str:
    found = tries.pivot_table(
        index=["size", "model"], columns="learning_rate", values="validation_error", sort=False
    ).reindex(columns=sorted(tries.learning_rate.unique()))
    lines = []
    for (size, model), errors in found.iterrows():
        best = errors.idxmin()
        cells = [f"**{error:.1f}**" if rate == best else f"{error:.1f}" for rate, error in errors.items()]
        lines.append([f"{size:,}", NAMES[model], *cells])
    return markdown(["parameters", "network", *(f"{rate:g}" for rate in found)], lines)


def _models(found: pd.DataFrame) -> list[str]:
    """Return the models of an index, in the order of `NAMES`."""
    there = found.index.unique("model")
    return [model for model in NAMES if model in there]


def pictures(store: Store) -> dict[str, Figure]:
    if "handwriting" not in store:
        return {}
    rows = store["handwriting"]
    found = {"handwriting": errors_figure(rows)}
    if _asks_why(rows):
        counts = store["handwriting_characters"], store["handwriting_strokes"]
        found["handwriting_reasons"] = reasons_figure(rows, *counts)
    return found


def errors_figure(rows: pd.DataFrame) -> Figure:
    """Draw the label error of each network that did not diverge, by size, with the published ones beside."""
    own = rows[rows.variant == BASE].rename(columns={"size": "parameters", "parameters": "exactly", "model": "method"})
    published = {model: {size: (error,) for size, error in of.items()} for model, of in HANDWRITING_ERROR.items()}
    sizes = sorted(own.parameters.unique())
    methods = [method for method in NAMES if (own.method == method).any()]
    with panels(1, 1, 8, 3.8) as (figure, ((axis,),)):
        boxes(axis, own, "label_error", sizes, published)
        seaborn.stripplot(  # a dot each, because five may be in two groups
            own,
            **{"x": "parameters", "y": "label_error", "hue": "method", "order": sizes, "hue_order": methods},
            **{
                "dodge": True,
                "jitter": False,
                "palette": ["0.2"] * len(methods),
                "size": 3,
                "legend": False,
                "ax": axis,
            },
        )
        axis.set(xlabel="parameters, about", ylabel="label error (%)", ylim=(0, None))
        legend(figure, axis)
    return figure


def reasons_figure(rows: pd.DataFrame, characters: pd.DataFrame, strokes: pd.DataFrame) -> Figure:
    """Draw the variants, the errors by group of characters, and where in a stroke characters are said, and said wrongly."""
    with panels(2, 2, 10, 6.6) as (figure, ((changed, groups), (said, wrong))):
        _draw_variants(changed, rows)
        found = by_group(characters)
        _draw_lines(groups, {model: found.error[model].reindex(ORDER) for model in _models(found)})
        groups.set_xticks(range(len(ORDER)), ORDER, rotation=25, ha="right")
        groups.set(title="errors by what was written", ylabel="errors (% of these characters)", ylim=(0, None))
        places = by_place(strokes).loc[BASE]
        for axis, quantity, label in ((said, "said", "of all that is said (%)"), (wrong, "wrong", "wrong (%)")):
            own = {model: places[quantity][model].reindex(range(BINS + 1)) for model in _models(places)}
            _draw_lines(axis, own)
            axis.set_xticks(range(BINS + 1), [*(f"{(place + 1) / BINS:g}" for place in range(BINS)), "lift"])
            axis.set(xlabel="share of the stroke that is drawn", ylabel=label, ylim=(0, None))
        said.plot(places.steps[_models(places)[0]].reindex(range(BINS + 1)), **NAIVE, label="all steps")
        said.set_title("where in a stroke characters are said")
        wrong.set_title("what is said there")
        legend(figure, changed, groups, said)
    return figure


def _draw_lines(axis: Axes, found: Mapping[str, pd.Series]) -> None:
    for model, values in found.items():
        style = {"color": COLOURS[model], "marker": "o", "markersize": 3.5, "label": NAMES[model]}
        axis.plot(range(len(values)), values, **style)


def _draw_variants(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw the errors of each variant, a line each, and the medians of the networks as they are."""
    at, names = rows[rows["size"] == REASONS_SIZE], []
    changed = at[at.variant != BASE].groupby(["variant", "model"], sort=False).label_error
    for place, ((variant, model), errors) in enumerate(changed):
        points(axis, errors, -place, COLOURS[model], NAMES[model])
        names.append(variant)
    for model in at[at.variant != BASE].model.unique():
        errors = at.label_error[(at.variant == BASE) & (at.model == model)]
        axis.axvline(quartiles(errors)[1], color=COLOURS[model], linestyle="--", linewidth=1)
    axis.set_yticks(-np.arange(len(names)), names)
    axis.set(title="one thing changed; dashed: nothing", xlabel="label error (%)")
