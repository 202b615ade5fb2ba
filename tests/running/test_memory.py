"""What is too large is refused before anything is made, with the largest size that would fit."""

import resource
from dataclasses import replace

import pytest

import main
from main import recipe
from running import memory
from running.memory import Facts, check, facts_of, make_task, needed, weights
from tasks.sequence_generation import SequenceGeneration

GIB = 2**30
LINEAR = {"clock_series": "linear", "periods": ()}


def unmade(task):
    """Return a task's class that must not be used."""

    class Unmade(main.TASKS[task][0]):
        def __init__(self, *given):
            raise AssertionError("made")

    return Unmade


@pytest.fixture(autouse=True)
def sixteen_gib(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 16 * GIB)


@pytest.mark.parametrize(
    "task, changes, name",
    [
        ("generation", {"units": 200_000}, "units"),
        ("generation", {"units": 10**9}, "units"),
        ("generation", {"units": 10**400}, "units"),
        ("generation", {"length": 10**9}, "length"),
        ("generation", {"replicas": 10**9}, "replicas"),
        ("generation", {"epochs": 10**12}, "epochs"),
        ("generation", {"units": 2_000, "modules": 2_000} | LINEAR, "modules"),
        ("generation", {"units": 10**9, "length": 10**9}, "units"),
        ("text", {"streams": 10**9}, "streams"),
        ("text", {"chunk": 10**9}, "chunk"),
        ("speech", {"chunk": 10**9}, "chunk"),
        ("words", {"batch_size": 10**9}, "batch_size"),
    ],
)
def test_sizes_are_refused_with_the_largest_that_would_fit(task, changes, name):
    settings = recipe(task, **changes)
    with pytest.raises(
        ValueError, match=f"`{name}` must be at most [0-9]+, as many as memory holds. Received: "
    ) as seen:
        make_task(unmade(task), settings, recipe(task))
    most = int(str(seen.value).split("at most ")[1].split(",")[0])
    others = {"length": 320} if len(changes) == 2 and "length" in changes else {}
    fitting = replace(settings, **others | {name: most})
    check(unmade(task), fitting, recipe(task))
    with pytest.raises(ValueError, match=f"`{name}` must be at most {most}, "):
        check(unmade(task), replace(fitting, **{name: most + 1}), recipe(task))


@pytest.mark.parametrize("task", main.TASKS)
def test_no_network_of_any_model_is_made_that_is_too_large(task):
    for settings in main.TASKS[task][1]:
        check(unmade(task), settings, settings)
        with pytest.raises(
            ValueError, match="`units` must be at most [0-9]+, as many as memory holds. Received: 200000"
        ):
            make_task(unmade(task), replace(settings, units=200_000), settings)


def test_more_periods_than_memory_holds_are_refused():
    settings = recipe("generation", units=5000, periods=tuple(range(1, 3001)))
    with pytest.raises(ValueError, match="`periods` must be fewer, for memory to hold them. Received: 3000 modules"):
        make_task(unmade("generation"), settings, recipe("generation"))


@pytest.mark.parametrize("periods", [(1,), tuple(range(1, 10))])
def test_where_memory_holds_nothing_it_is_named_and_no_flag(periods, monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 50 * 2**20)
    settings = recipe("generation", periods=periods)
    with pytest.raises(ValueError, match="memory must be free, at least [0-9]+ MiB. Received: 50 MiB"):
        check(unmade("generation"), settings, settings)


def test_no_trained_run_makes_more_than_memory_holds(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "free", lambda: 40e6)
    phones = tmp_path / "long.PHN"
    phones.write_text("0 57600000 h#\n")
    for task, changes, message in [
        ("text", {"sample_length": 2_000_000}, "`sample_length` must be of at most 900000 steps, as many as memory"),
        ("speech", {"phones": str(phones)}, "`phones` must be of at most 900000 steps, .* Received: 57600000"),
    ]:
        with pytest.raises(ValueError, match=message):
            memory.check_use(main.TASKS[task][0], main.recipe(task, **changes))
    for task in main.TASKS:
        memory.check_use(main.TASKS[task][0], main.recipe(task))


def test_what_the_data_tell_counts_too(monkeypatch):
    tiny = recipe("generation", units=9, length=20)
    one = needed(SequenceGeneration, tiny, facts_of(SequenceGeneration(tiny)))
    more = needed(SequenceGeneration, replace(tiny, replicas=9), facts_of(SequenceGeneration(tiny))) - one
    monkeypatch.setattr(memory, "free", lambda: (one + 1.05 * more) / memory.SPARE)
    with pytest.raises(ValueError, match="`replicas` must be at most 9, as many as memory holds. Received: 10"):
        make_task(SequenceGeneration, replace(tiny, replicas=10), tiny)
    assert make_task(SequenceGeneration, replace(tiny, replicas=9), tiny).replicas == 9
    with pytest.raises(ValueError, match="`epochs` must be at most 1073741823, as many as memory holds"):
        monkeypatch.setattr(memory, "free", lambda: 1e15)
        check(SequenceGeneration, replace(tiny, epochs=2**31), tiny, Facts(batches=2))


def test_data_that_ask_for_more_than_memory_holds_are_said_to():
    tiny = recipe("text", units=8, streams=4, chunk=32)
    facts = Facts(features=10**6, outputs=10**6, steps=1000)
    with pytest.raises(ValueError, match="128000 steps at once, each of 1000000 inputs and 1000000 outputs"):
        check(main.TASKS["text"][0], tiny, tiny, facts)


@pytest.mark.parametrize(
    "settings", main.TASKS["generation"][1], ids=lambda settings: f"{settings.recipe}-{settings.model}"
)
def test_weights_are_counted_without_making_any(settings):
    task = SequenceGeneration(settings)
    assert weights(settings, facts_of(task)) == pytest.approx(task.network.size, rel=0.1)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of 64 GiB, of which 40 are available, as `/proc` and `/sys/fs/cgroup` tell of it."""
    monkeypatch.undo()
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * GIB // 4096}.get)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text(f"MemTotal: {2**26} kB\nMemAvailable:   {40 * 2**20} kB\n")
    (tmp_path / "proc" / "self" / "statm").write_text(" ".join([str(2 * GIB // resource.getpagesize())] * 7))
    return tmp_path


def in_group(machine, line, folder, **files):
    (machine / "proc" / "self" / "cgroup").write_text(f"9:cpu:/\n{line}\n")
    folder = machine / "groups" / folder
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)


def test_the_machine_s_available_memory_is_free(machine):
    assert memory.free() == 40 * GIB


def test_a_control_group_of_version_2_leaves_less(machine):
    """Of 8 GiB, of which 3 are in use and 1 of those gives way; a group around it allows more, the one within all."""
    in_group(machine, "0::/outer/inner", "outer/inner", max="max\n")
    files = {"max": f"{8 * GIB}\n", "current": f"{3 * GIB}\n", "stat": f"anon 5\ninactive_file {GIB}\n"}
    for name, text in files.items():
        (machine / "groups" / "outer" / f"memory.{name}").write_text(text)
    assert memory.free() == 6 * GIB


def test_a_control_group_of_version_1_leaves_less(machine):
    files = {"limit_in_bytes": f"{8 * GIB}\n", "usage_in_bytes": f"{3 * GIB}\n"}
    in_group(machine, "6:memory:/somewhere/else", "memory", **files)  # a container sees its group as the root
    assert memory.free() == 5 * GIB


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_leaves_less(machine, limit, monkeypatch):
    """Of 7 GiB, of which 2 are in use."""
    limits = {getattr(resource, limit): 7 * GIB}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits.get(kind, resource.RLIM_INFINITY),) * 2)
    assert memory.free() == 5 * GIB
