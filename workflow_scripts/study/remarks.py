"""What a study may not mean, though it can be run: said before the run, and then left to the user."""

from collections.abc import Iterator
from pathlib import Path

from workflow_scripts.corpora.sources import local
from workflow_scripts.study.errors import listed, spell
from workflow_scripts.study.sections import Study, corpus_options

SHOWN = 3
"""Names of files that are said, at most."""


def remarks(study: Study) -> Iterator[str]:
    """A sentence each."""
    yield from _files_passed_over(study)
    yield from _definitions_without_use(study)
    if study.evaluation.cloze and not study.evaluation.cloze_languages():
        yield "evaluation.cloze: no evaluated language has cloze items, so that none are asked."


def _files_passed_over(study: Study) -> Iterator[str]:
    for name, corpus in study.corpora.items():
        if corpus.kind == "local" and (found := local.passed_over(corpus_options(corpus))):
            shown = ", ".join(spell(str(path.relative_to(Path(corpus.path)))) for path in found[:SHOWN])
            more = f" and {len(found) - SHOWN} more" if found[SHOWN:] else ""
            yield (
                f"corpora.{name}: {shown}{more} in {spell(corpus.path)} are not read, for what is read ends in "
                f"{listed(local.SUFFIXES)}, and links out of the folder of a language are not followed."
            )


def _definitions_without_use(study: Study) -> Iterator[str]:
    for section in ("mixtures", "controls"):
        defined = getattr(study.calibration, section)
        if unused := sorted(set(defined) - set(study.calibration.calibrations)):
            yield f"calibration.{section}: calibrations does not name {listed(unused)}, so that it is not made."
