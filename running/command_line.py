"""The command line: `python main.py [TASK] [--flag value …]`, its help, and refusals of one line."""

import contextlib
import inspect
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from data.closest import did_you_mean
from running import hints, signals
from running.failures import FAILURES, in_words, output_may_fail, warn
from running.flags import FIRST, Setting, Tasks, as_flags, given, make_parser, settings_of


def read(arguments: Sequence[str], tasks: Tasks, program: str = "main.py") -> tuple[type, Any]:
    """Read the command line.

    Args:
        arguments: the words after the program's name; the first may name a task, else it is the first task.
        tasks: name → (its class, its recipes: settings of one type, from which `recipe` and `model` choose where the
            other flags start).
        program: where the recipes stand, for messages and help.

    Returns:
        The task's class and its settings; those of a trained run, where one is to be used, start from its own.

    Raises:
        ValueError: says in one line which word or setting is wrong, what was expected and what came.
        SystemExit: after `--help`.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    task = arguments[0] if named else next(iter(tasks))
    if task not in tasks:
        raise ValueError(f"the task must be one of {', '.join(tasks)}. Received: {task}{did_you_mean(task, tasks)}")
    task_class, recipes = tasks[task]
    settings = settings_of(type(recipes[0]), {"recipe": _recipe_names(recipes)})
    values, asks_help = given(arguments[named:], settings, f"{program} {task}", tasks)
    default = start(recipes, values)
    if asks_help and named:
        _leave_with_help(settings, default, f"python {program} {task} [--flag value …]\n\n{_about(task_class)}")
    if asks_help:
        first = [setting for setting in settings if setting.group == FIRST]
        _leave_with_help(first, default, _overview(tasks, program))
    chosen = replace(default, **values)
    for own in (default, chosen):  # also where a flag stands for a value, with which its size is compared
        _check_types(own, settings, program)
    if chosen.run:
        from running.use import as_trained, configuration  # here, because documents are made without TensorFlow

        chosen = as_trained(task, chosen, values, task_class.fixed, task_class.of_data)
        file = str(configuration(task, chosen))
        _check_types(chosen, settings, file, f" in {file}")
        if chosen.export:
            _check_export_alone(values, settings)
    return task_class, chosen


@dataclass(frozen=True)
class NoFlags:
    """The flags of a program that has none but --help."""


def parse(arguments: Sequence[str], default: Any, program: str) -> Any:
    """Read flags into a dataclass that starts from the given values; raises as `read` does."""
    settings = settings_of(type(default))
    values, asks_help = given(arguments, settings, program, {})
    if asks_help:
        _leave_with_help(settings, default, f"{program} [--flag value …]")
    return replace(default, **values)


def run(
    experiment: Callable[[Any], int | None],
    arguments: Sequence[str],
    default: Any,
    program: str,
    left: str = "the same command goes on from here",
) -> int:
    """Run an experiment that can be stopped and started again, with flags read as in `parse`.

    Args:
        experiment: takes the values of the flags; returns its exit status, or None for 0.
        arguments, default, program: as in `parse`.
        left: what there is to say where it was interrupted.

    Returns:
        The exit status: the experiment's, 2 where it was refused, 1 where one of its processes died, 128 and the number of the
        signal that ended it.
    """
    try:
        with signals.raised(program), signals.as_they_were():
            options = parse(arguments, default, program)
            with output_may_fail():
                return experiment(options) or 0
    except ChildProcessError as error:  # once it computed
        refuse(error, program)
        return 1
    except (ValueError, *FAILURES) as error:
        return refuse(error, program)
    except signals.Stopped as stop:
        warn(f"interrupted; {left}", behind="\n")
        return stop.status


def refuse(error: Exception, program: str = "main.py") -> int:
    """Print an error as one line on stderr, if that can be written, with arguments spelt as flags; returns the exit status."""
    with contextlib.suppress(OSError):
        print(f"{program}:", as_flags(in_words(error)), file=sys.stderr, flush=True)
    return 2


def start(recipes: Sequence[Any], given: Mapping[str, Any]) -> Any:
    """Return the recipe that the given `recipe` and `model` choose; raises a ValueError if there is none."""
    name = given.get("recipe", recipes[0].recipe)
    models = {recipe.model: recipe for recipe in recipes if recipe.recipe == name}
    if not models:
        raise ValueError(f"`recipe` must be one of {', '.join(_recipe_names(recipes))}. Received: {name}")
    model = given.get("model", next(iter(models)))
    if model not in models:
        raise ValueError(f"`model` must be one of {', '.join(models)} for {name}. Received: {model}")
    return models[model]


def _recipe_names(recipes: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(recipe.recipe for recipe in recipes))


def _check_types(chosen: Any, settings: Sequence[Setting], source: str, more: str = "") -> None:
    """Raise a ValueError that names the first setting that is too large for 32 bits, or not of its type.

    Flags are of their type, so it is one of a recipe or of a trained run: the source. What is said of large numbers ends in `more`.
    """
    for setting in settings:
        value = getattr(chosen, setting.name)
        if not hints.is_of(value, setting.hint):
            wanted = hints.expected(setting.hint, "a tuple of ")
            raise ValueError(f"{setting.name} in {source} must be {wanted}. Received: {value!r}")
        hints.check_range(setting.name, value, more)


def _check_export_alone(values: Mapping[str, Any], settings: Sequence[Setting]) -> None:
    """Raise a ValueError that names what else is asked for of a trained run, and would not be done."""
    for setting in settings:
        name = setting.name
        if setting.group == "trained run" and name in values and name not in ("run", "export"):
            came = " ".join(hints.words_of(values[name]))
            raise ValueError(f"`{name}` must not come with `export`. Received: {came}")


def _leave_with_help(settings: Sequence[Setting], default: Any, description: str) -> None:
    with output_may_fail():  # as where somebody reads the first lines only
        print(make_parser(settings, default, description).format_help().strip(), flush=True)
    raise SystemExit


def _overview(tasks: Tasks, program: str) -> str:
    """Return what a newcomer wants to know: the tasks, an example of each, and how to get all flags."""
    default = next(iter(tasks))
    usage = (
        f"python {program} [TASK] [--flag value …]\n\nTrains a network on a task; without TASK, on {default}.\n\ntasks:"
    )
    lines = [usage]
    for name, (task_class, _) in tasks.items():
        lines += [f"  {name}", _about(task_class, "    "), f"    python {program} {name} {task_class.example}"]
    lines += ["", f"python {program} compare [RUN …] puts runs beside each other: compare --help."]
    return "\n".join([*lines, "", f"python {program} TASK --help names all flags of a task. For {default}:"])


def _about(task_class: type, indent: str = "") -> str:
    """Return the first sentence of a task's file, as wide as the terminal."""
    sentence = (inspect.getmodule(task_class).__doc__ or "").partition("\n")[0]  # python -OO leaves none
    width = max(shutil.get_terminal_size().columns - 2, 40)
    return textwrap.fill(sentence, width, initial_indent=indent, subsequent_indent=indent)
