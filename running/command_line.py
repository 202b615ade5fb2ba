"""The command line: `python main.py [TASK] [--flag value …]`, and refusals of one line."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tyro


def read(
    arguments: Sequence[str], tasks: Mapping[str, tuple[type, Sequence[Any]]], settings: Any = None
) -> tuple[type, Any]:
    """Read the command line.

    Args:
        arguments: the words after the program's name; the first may name a task, else it is the first task.
        tasks: name → (its class, its recipes: settings of one type, from which `recipe` and `model` choose where the
            other flags start).
        settings: where all flags start, instead of a recipe.

    Returns:
        The task's class and its settings.

    Raises:
        ValueError: says in one line which word is wrong, what was expected and what came.
        SystemExit: after `--help`.
    """
    arguments = list(arguments)
    task = next(iter(tasks))
    if arguments and not arguments[0].startswith("-"):
        task = arguments.pop(0)
    if task not in tasks:
        raise ValueError(f"the task must be one of {', '.join(tasks)}. Received: {task}")
    task_class, recipes = tasks[task]
    return task_class, parse(arguments, start(recipes, _given(arguments)) if settings is None else settings)


def parse(arguments: Sequence[str], default: Any, program: str = "main.py") -> Any:
    """Read flags into a dataclass that starts from the given values; raises as `read` does."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), _wide_terminal():
            return tyro.cli(type(default), args=arguments, default=default, prog=program)
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
        raise ValueError(_message(output.getvalue())) from None


def run(experiment: Callable[[Any], None], arguments: Sequence[str], default: Any, program: str) -> int:
    """Run an experiment that can be stopped and started again, with flags read as in `parse`; returns the exit status."""
    try:
        experiment(parse(arguments, default, program))
    except ValueError as error:
        return refuse(error, program)
    except KeyboardInterrupt:
        print(f"\n{program}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def refuse(error: ValueError, program: str = "main.py") -> int:
    """Print an error as one line on stderr, with arguments spelt as flags; returns the exit status."""
    message = re.sub(r"`(\w+)`", lambda found: "--" + found[1].replace("_", "-"), str(error))
    print(f"{program}:", " ".join(message.split()), file=sys.stderr)
    return 2


def _given(arguments: Sequence[str]) -> dict[str, str]:
    """Return the values of `--recipe` and `--model` among the words, where they have one."""
    given = {}
    for place, word in enumerate(arguments):
        for name in ("recipe", "model"):
            if word == f"--{name}" and place + 1 < len(arguments):
                given[name] = arguments[place + 1]
            elif word.startswith(f"--{name}="):
                given[name] = word.split("=", 1)[1]
    return given


def start(recipes: Sequence[Any], given: Mapping[str, Any]) -> Any:
    """Return the recipe that the given `recipe` and `model` choose; any unknown ones wait for the parser's own complaint."""
    of_name = [recipe for recipe in recipes if recipe.recipe == given.get("recipe", recipes[0].recipe)]
    models = [recipe.model for recipe in of_name]
    if given.get("model") in models:
        return of_name[models.index(given["model"])]
    if models and given.get("model") in {recipe.model for recipe in recipes}:
        raise ValueError(
            f"`model` must be one of {', '.join(models)} for {of_name[0].recipe}. Received: {given['model']}"
        )
    return of_name[0] if of_name else recipes[0]


def _message(box: str) -> str:
    """Take what is wrong, and the flag's form, out of the box that tyro draws, in Unicode or in ASCII."""
    lines = [line.strip("│╭╮╰╯|+ ") for line in box.splitlines()]
    sections = [[]]
    for line in lines[1:-1]:
        if set(line) <= {"─", "-"}:
            sections.append([])
        else:
            sections[-1].append(line)
    said, *more = (section for section in sections if section)
    message = " ".join(said)
    forms = [line for section in more for line in section if line.startswith("--")]
    return f"{message} (expected {forms[0]})" if forms else message


@contextlib.contextmanager
def _wide_terminal():
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "1000"
    try:
        yield
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
