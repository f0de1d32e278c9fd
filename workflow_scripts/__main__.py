"""The commands of polyprune and the steps of its workflow: `python -m workflow_scripts` lists them, and runs one by its name."""

import ast
import difflib
import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from workflow_scripts import __version__
from workflow_scripts.study import DEFAULT, StudyError, read_file
from workflow_scripts.study.file import load_study

HERE = Path(__file__).parent
SNAKEFILE = HERE.parent / "Snakefile"
CONFIGFILE, CONFIG = ("--configfile", "--configfiles"), ("--config", "-C")
"""Spellings of options that take several words."""
INTERNAL = ("admit_model", "job_requests")
"""Commands that polyprune itself calls."""
RUN = "Check a study, and run it with Snakemake if it is right; options are Snakemake's, --cores all if none is given."


def main(words: Sequence[str]) -> int:
    """Run what the first word names with the others; without one, or with --help, list what there is. Returns the exit code."""
    name = words[0] if words else "--help"
    if name in ("--help", "-h"):
        print("\n".join(listing()))
        return 0
    if name == "--version":
        print(f"polyprune {__version__}")
        return 0
    if name == "run":
        return run(list(words[1:]))
    folder = next((folder for folder in ("commands", "steps") if name in modules(folder)), None)
    if folder is None:
        known = ["run", *modules("commands"), *modules("steps")]
        meant = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1)
        hint = f"did you mean {meant[0]}?" if meant else "python -m workflow_scripts lists them."
        print(f"There is no command or step {name!r}; {hint}", file=sys.stderr)
        return 2
    sys.argv = [f"python -m workflow_scripts {name}", *words[1:]]
    runpy.run_module(f"workflow_scripts.{folder}.{name}", run_name="__main__", alter_sys=True)
    return 0


def run(words: list[str]) -> int:
    """Read the study that Snakemake is told of, say what is wrong with it in a sentence, or become Snakemake."""
    if words and words[0].endswith((".yaml", ".yml")):
        # As all commands take it, and as no target is called.
        words = [*words[1:], "--configfile", words[0]]
    given, settings = following(words, CONFIGFILE), following(words, CONFIG)
    if odd := next((word for word in settings if "=" not in word), None):
        print(
            f"--config takes all words after it as key=value, and {odd} is none: put targets before it.",
            file=sys.stderr,
        )
        return 1
    if len(given) > 1:
        print(
            f"--configfile takes all words after it as studies ({', '.join(given)}): put targets before it, and name one study.",
            file=sys.stderr,
        )
        return 1
    try:
        study = Path(given[0]) if given else DEFAULT
        if settings:
            # What --config adds, only Snakemake puts together.
            load_study(study)
        else:
            read_file(study, with_texts=False)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    cores = (
        []
        if any(
            word.startswith(("--cores", "-c", "--jobs", "-j", "--executor", "--profile", "--workflow-profile"))
            for word in words
        )
        else ["--cores", "all"]
    )
    # In the place of this process, so that signals reach it.
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *cores, *words])


def following(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """What stands after an option in any of its spellings, as Snakemake takes it: every word up to the next option."""
    found, open_ = [], False
    for word in words:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            # With an equals sign it takes that one word.
            open_ = option in options and not equals
            found += [value] if option in options and equals else []
        elif open_:
            found.append(word)
    return found


def listing() -> Iterator[str]:
    """A line for every command and step."""
    yield "Commands, run as python -m workflow_scripts NAME (--help says more):"
    yield f"  {'run':26}{RUN}"
    for name in modules("commands"):
        if name not in INTERNAL:
            yield f"  {name:26}{first_line(HERE / 'commands' / f'{name}.py')}"
    yield "Steps, which Snakemake runs:"
    for name in modules("steps"):
        yield f"  {name:26}{first_line(HERE / 'steps' / f'{name}.py')}"


def modules(folder: str) -> list[str]:
    """Names of the modules in a folder of the package, sorted."""
    return sorted(path.stem for path in (HERE / folder).glob("*.py") if path.stem != "__init__")


def first_line(path: Path) -> str:
    """The first sentence of a module's docstring, without importing it."""
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n")[0]
    sentence = words.removeprefix("Command: ").removeprefix("Step: ")
    return sentence[0].upper() + sentence[1:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
