"""A user's own measurements: forecasts of their next steps, or answers about whole sequences of them."""

import dataclasses
import math
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd

from data.files import read_json, write_about
from data.series import Roles
from tasks.flag import Flag
from tasks.network_settings import NetworkSettings, check_noise
from tasks.report import Quantity
from tasks.task import Task

SHIPPED = Path(__file__).parents[1] / "data" / "co2.csv"
ROLES = ("label", "target", "horizon", "columns", "known", "time", "every", "group", "test_groups")
UPDATES = 50  # of an epoch, which is no pass: of many sequences it is a part, of few more


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    help_group = "data"

    data: Annotated[str | None, Flag(also=("file", "csv", "input"))]
    """Table (CSV, Parquet), archive (.ts, NPZ) or folder of measurements; without it, monthly carbon dioxide at Mauna Loa."""
    test_data: str | None
    """The same for testing sequences that have an answer each; without it, a share of `data`."""
    label: Annotated[str | None, Flag(also=("class", "classes"))]
    """Column that says the class of each sequence; archives and folders of classes say it themselves."""
    target: Annotated[tuple[str, ...], Flag(also=("y",))]
    """Columns to forecast, by name or by number from 1; with no `horizon`, columns of numbers to say of each sequence."""
    horizon: Annotated[int, Flag(also=("ahead", "prediction_length"))]
    """Steps to forecast; 0 asks for numbers, or a label, of whole sequences."""
    columns: tuple[str, ...]
    """Columns that the network sees besides; without it, all that hold numbers."""
    known: tuple[str, ...]
    """Columns that are known in advance, such as a calendar's: the network sees them over the horizon."""
    time: Annotated[str | None, Flag(also=("date", "timestamp"))]
    """Column of times, which must be even."""
    every: str | None
    """Step to resample uneven times to, by means, as pandas writes it: 1h, 15min, 1D."""
    group: Annotated[str | None, Flag(also=("id", "series_id"))]
    """Column that says which of several sequences a row belongs to."""
    test_groups: Annotated[str | None, Flag(also=("test_group",))]
    """Column whose values are never on both sides of training and test, such as persons."""
    season: Annotated[int, Flag(also=("seasonality", "period"))]
    """Steps of a season; 0 finds it, 1 is none."""
    test_share: float | None
    """Share to test on: of sequences with answers, drawn the same for all seeds (a fifth without it); of forecasts each one's end (a tenth, or
    three years of what ships, as it is), before which lies as long a part that tells when to stop."""
    readout: Annotated[Literal["last", "mean", "max", "every"], Flag("network")]
    """Answer by the state after a sequence's last step, by the mean or the maximum of all states, or by the mean of the answers after every
    step."""
    chunk: Annotated[int, Flag("training")]
    """Steps that the network sees before it forecasts; of short series half of what there is."""
    batch_size: Annotated[int, Flag("training")]
    """Sequences, or places of the series to forecast, that one update sees, drawn by the seed."""
    input_noise: Annotated[float, Flag("training")]
    """Standard deviation of Gaussian noise on the scaled inputs in training."""
    patience: Annotated[int, Flag("training")]
    """Stop when the loss before the test has not fallen for so many epochs; 0 never stops, nor do answers of sequences."""
    predict: Annotated[str | None, Flag("trained run", also=("forecast",))]
    """File to go on from, or to answer, with a trained run; what it says is written into the run's folder."""


class SeriesTask(Task):
    """What forecasts and answers have in common; making one gives the kind that the settings ask for.

    Raises:
        ValueError: a setting is out of range; names it, what was expected and what came.
    """

    name = "series"
    example = "--data FILE.csv --target COLUMN --horizon 24"
    lengths = ("batch_size", "chunk")
    batches = UPDATES
    fixed = tuple(name for name in Settings.__annotations__ if name != "predict")

    def __new__(cls, settings: Settings, seeds: Sequence[int] | None = None):
        return super().__new__(kind_of(settings) if cls is SeriesTask else cls)

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None):
        super().__init__(settings, seeds)
        for name, lowest in [("horizon", 0), ("season", 0), ("chunk", 2), ("batch_size", 1), ("patience", 0)]:
            if getattr(settings, name) < lowest:
                raise ValueError(f"`{name}` must be at least {lowest}. Received: {getattr(settings, name)}")
        if settings.test_share is not None and not 0 < settings.test_share < 0.5:
            raise ValueError(f"`test_share` must be between 0 and 0.5. Received: {settings.test_share}")
        check_noise(settings.input_noise)
        if settings.predict:
            raise ValueError("`predict` needs `run`, the name of a trained run. Received: none")

    def beside_simple(self, label: str, measure: str, unit: str = "", best: Callable = min) -> Quantity:
        """Return a measure as a quantity, beside it the best that simple methods reach, or nothing where that is not known."""
        naive, name = best((own[measure], name) for name, own in self.simple.items())
        return Quantity(label, unit, naive, name) if math.isfinite(naive) else Quantity(label, unit)

    def remark(self, metrics: Mapping[str, Any]) -> str:
        known = ((measure, quantity) for measure, quantity in self.quantities().items() if quantity.naive is not None)
        measure, quantity = next(known)
        naive = f"{quantity.naive:.4g} {quantity.unit}".rstrip()
        better = f"A simple answer is better: {quantity.naive_is}, with a {quantity.label} of {naive}."
        return better if quantity.naive < metrics[measure] else ""

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Say with a trained run what comes after a file's end, or what its sequences are, in a table beside the run."""
        if not settings.predict:
            raise ValueError("`run` needs `predict`, a file to go on from or to answer. Received: none")
        path = Path(settings.predict)
        found, name = predict(folder, path), f"predictions_of_{path.stem}.csv"
        with write_about(folder / name, "predict", path) as part:
            found.to_csv(part, index=False)
        print(f"{len(found)} rows about {path}: {name} is in {folder}")


def predict(folder: Path, path: Path) -> pd.DataFrame:
    """Say with a trained run what comes after a file's end, or what its sequences are.

    Args:
        folder: of the run.
        path: of a file as the run was trained on; answers need not be in it.

    Returns:
        Of forecasts, a row for each series and step: its name as `series`, of several targets which as `target`, its `time` or, without times, its `step` from 0, the
        `median`, and the ends of the bands in which the truth lies in 80 and 95 of 100 cases. Of classes, a row for each
        sequence: its name, its `answer`, and the probability of each class. Of numbers, its name and the numbers.

    Raises:
        ValueError: the run or the file is damaged, or they do not belong together; names what was expected and what came.

    Example:
        >>> from pathlib import Path
        >>> from tasks.series import predict
        >>> predict(Path("results/series/mine"), Path("data/co2.csv"))  # doctest: +SKIP
    """
    from tasks import answers, trained_forecaster

    settings = settings_of(folder)
    return (trained_forecaster.forecast if is_forecast(settings) else answers.answer)(folder, path, roles_of(settings))


def is_forecast(settings: Any) -> bool:
    """Return whether next steps are asked for, not answers about whole sequences."""
    return settings.data is None or bool(settings.target and settings.horizon)


def kind_of(settings: Any) -> type[SeriesTask]:
    """Return the task that the settings ask for."""
    from tasks import answers, forecasting

    return forecasting.Forecasting if is_forecast(settings) else answers.Answers


def roles_of(settings: Any) -> Roles:
    """Return what the columns of a file are for."""
    roles = Roles(**{name: getattr(settings, name) for name in ROLES})
    if settings.data is None:
        if settings.label is not None:
            raise ValueError(f"`label` must not be given without `data`. Received: {settings.label}")
        return dataclasses.replace(roles, target=roles.target or ("co2",), time=roles.time or "month")
    return roles if is_forecast(settings) else dataclasses.replace(roles, horizon=0)


def settings_of(folder: Path) -> types.SimpleNamespace:
    """Return what a trained run was asked for."""
    saved = read_json(folder / "config.json", *ROLES, "data")
    return types.SimpleNamespace(**{n: tuple(own) if isinstance(own, list) else own for n, own in saved.items()})
