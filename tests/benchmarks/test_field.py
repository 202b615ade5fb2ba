"""Contestants in processes of their own: the protocol, turns, and what happens to those that fail."""

import io
import json
from dataclasses import asdict, replace

import pytest

from benchmarks import contest, sizes, timing, worker
from benchmarks.contest import Contestant, Spec
from benchmarks.field import Field

FAKE = Spec("fake", "sleeps", units=3, steps=1, batch=1)


@pytest.fixture
def field(monkeypatch):
    monkeypatch.setitem(contest.MODULES, "fake", ("tests.benchmarks.fake_framework", "sys"))
    with Field() as field:
        yield field


def test_contestants_are_timed_in_turn(field):
    many = replace(FAKE, updates=5)
    made, times = field.compare([FAKE, many], ("update", "forward"), seconds=0, least=3)
    assert [facts["parameters"] for facts in made] == [9, 9]
    assert [set(facts["first"]) for facts in made] == [{"update", "forward"}, {"update"}]
    assert {name: list(found) for name, found in times.items()} == {"update": [FAKE, many], "forward": [FAKE]}
    assert all(len(values) == 3 for found in times.values() for values in found.values())
    assert min(times["update"][FAKE]) >= 1e-3 and min(times["update"][many]) >= 1e-3


@pytest.mark.parametrize(
    "cell, error, said",
    [
        ("raises", RuntimeError, "ValueError: no such cell"),
        ("dies", ChildProcessError, "exit status 3\n.*out of memory"),
    ],
)
def test_who_fails_is_named(field, cell, error, said):
    with pytest.raises(error, match=f"(?s)^fake failed at .*{cell}.*{said}"):
        field.compare([replace(FAKE, cell=cell)], ("update",), seconds=0, least=1)


def test_after_an_error_a_process_still_answers(field):
    with pytest.raises(RuntimeError, match="no such cell"):
        field.compare([replace(FAKE, cell="raises")], ("update",), seconds=0, least=1)
    assert field.compare([FAKE], ("update",), seconds=0, least=1)[0][0]["parameters"] == 9


def test_who_is_not_installed_is_left_out_and_named(monkeypatch):
    monkeypatch.setitem(contest.RIVALS, "torch", ("benchmarks.with_torch", "no_such_package"))
    assert "torch" in contest.missing()
    assert set(contest.rivals()) == set(contest.RIVALS) - set(contest.missing())


def test_the_time_of_many_updates_is_that_of_one(monkeypatch):
    monkeypatch.setattr(timing, "settled", lambda function: 0.5)
    spec = asdict(replace(FAKE, updates=5))
    requests = [
        {"do": "make", "key": 7, "spec": spec, "quantities": []},
        {"do": "time", "key": 7, "quantity": "update"},
        {"do": "time", "key": 7, "quantity": "forward"},
        {"do": "close", "key": 7},
        {"do": "time", "key": 7, "quantity": "forward"},
    ]
    answers = io.StringIO()
    contestant = Contestant(lambda: None, lambda: None, 12, updates=5)
    worker.serve(lambda spec: contestant, io.StringIO("\n".join(map(json.dumps, requests))), answers)
    made, update, forward, closed, late = map(json.loads, answers.getvalue().splitlines())
    assert made == {"parameters": 12, "first": {}}
    assert (update, forward, closed) == ({"seconds": 0.1}, {"seconds": 0.5}, {})
    assert "KeyError: 7" in late["error"]


@pytest.mark.parametrize("framework", contest.MODULES)
def test_every_framework_makes_its_cells(framework):
    if framework in contest.missing():
        pytest.skip(f"{framework} is not installed")
    cells, periods = (sizes.OURS, (1, 2)) if framework == contest.OURS else (sizes.CELLS, (1,))
    cells = list(cells)[: 1 if framework.endswith("-xla") else None]  # its cells are those without XLA
    specs = [Spec(framework, cell, 4, 6, 2, periods=periods) for cell in cells]
    specs += [replace(specs[0], updates=3)] * (framework in contest.LOOPED)
    with Field() as field:
        made, times = field.compare(specs, ("update", "forward"), seconds=0, least=1)
    assert all(facts["parameters"] > 0 for facts in made)
    assert list(times["update"]) == specs
