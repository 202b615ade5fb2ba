"""What the command line's help knows of a setting besides its type and the sentence below it."""

from dataclasses import dataclass

GROUPS = ("network", "clock", "data", "training", "output", "trained run")


@dataclass(frozen=True)
class Flag:
    """Where a setting stands in the help; goes beside its type: `units: Annotated[int, Flag(...)]`.

    Args:
        group: one of `GROUPS`; without it, that which the dataclass of the setting names as its `help_group`.
        first: its place among those that matter most, which stand before all groups; 0 is in its group.
        also: other names that people try for it; it is offered to them.
    """

    group: str | None = None
    first: int = 0
    also: tuple[str, ...] = ()
