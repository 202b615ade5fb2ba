"""What the columns of a user's table are for."""

from dataclasses import dataclass

from data.tables import Table
from data.times import check_every


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What columns are for, by their names in the file, or their numbers from 1 where none is named so.

    Args:
        label: classes, texts or numbers; one a sequence.
        target: numbers; in a forecast a column of the values, otherwise one answer a sequence.
        horizon: steps to forecast; then the target stays among the values, and there are no answers.
        columns: features; none are all numeric columns that have no other role.
        known: features that are known in advance, in a forecast.
        time: dates or numbers that increase within a sequence.
        every: a step as pandas names it ("1h") to resample to, by means; without it uneven steps are refused.
        group: which rows belong to one sequence.
        test_groups: what is never on both sides of training and test.
    """

    label: str | None = None
    target: tuple[str, ...] = ()
    horizon: int = 0
    columns: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    time: str | None = None
    every: str | None = None
    group: str | None = None
    test_groups: str | None = None

    def named(self) -> dict[str, tuple[str, ...]]:
        """Return the columns that have a role, by it."""
        one = {role: getattr(self, role) for role in ("label", "time", "group", "test_groups")}
        many = {role: getattr(self, role) for role in ("target", "columns", "known")}
        return {role: (column,) for role, column in one.items() if column is not None} | many

    def texts(self) -> dict[str, str]:
        """Return the columns that hold texts, by their role."""
        return {
            role: columns[0] for role, columns in self.named().items() if role not in ("target", "columns", "known")
        }


def check_roles(roles: Roles) -> None:
    """Raise a ValueError that names a role which has no meaning beside the others."""
    if roles.horizon < 0:
        raise ValueError(f"`horizon` must be at least 0. Received: {roles.horizon}")
    if roles.label is not None and roles.target:
        raise ValueError(f"`target` must not be given beside `label`. Received: {', '.join(roles.target)}")
    if roles.label is not None and roles.horizon:
        raise ValueError(f"`horizon` must not be given beside `label`: classes have none. Received: {roles.horizon}")
    if roles.horizon and not roles.target:
        raise ValueError(
            f"`target` must name what is to be forecast. Received: nothing, with `horizon` {roles.horizon}"
        )
    if roles.known and not roles.horizon:
        raise ValueError(
            f"`known` must not be given without `horizon`: nothing lies ahead. Received: {', '.join(roles.known)}"
        )
    if roles.every is not None:
        check_every(roles.every)
        if roles.time is None:
            raise ValueError(f"`every` must not be given without `time`. Received: {roles.every}")


def find_places(table: Table, roles: Roles) -> dict[str, list[int]]:
    """Return which columns have each role, from 0.

    Raises:
        ValueError: there is no such column, or it has two roles.
    """
    shared = [{"columns", "known"}, {"columns", "target"} if roles.horizon else set()]
    found: dict[str, list[int]] = {}
    taken: dict[int, str] = {}
    for role, columns in roles.named().items():
        found[role] = [table.place(role, column) for column in columns]
        for place in found[role]:
            other = taken.setdefault(place, role)
            if found[role].count(place) > 1 or (other != role and {other, role} not in shared):
                beside = f"`{other}` names too" if other != role else "it names twice"
                raise ValueError(
                    f"`{role}` must name a column of its own. Received: {table.names[place]}, which {beside}"
                )
    return found
