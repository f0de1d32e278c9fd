"""What a study may not mean, though it can be run: said before the run, and then left to the user."""

import os
from collections.abc import Iterator
from pathlib import Path

from workflow_scripts.corpora.sources import local
from workflow_scripts.models.compute import has_no_accelerator
from workflow_scripts.study.errors import listed, spell
from workflow_scripts.study.sections import Compute, Study, corpus_options

SHOWN = 3
"""Names of files that are said, at most."""


def remarks(study: Study) -> Iterator[str]:
    """A sentence each."""
    yield from _files_passed_over(study)
    yield from _definitions_without_use(study)
    if study.evaluation.cloze and not study.evaluation.cloze_languages():
        yield "evaluation.cloze: no evaluated language has cloze items, so that none are asked."


def not_here(compute: Compute) -> str:
    """What jobs want that this machine certainly does not have, in a sentence; empty where it may have all."""
    if compute.device == "cuda" and has_no_accelerator():
        return f"compute.device is {compute.device}, and this machine has no GPU: write auto or cpu, or run where there is one."
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if compute.threads > cores:
        return f"compute.threads is {compute.threads}, and this machine has {cores} cores: write {cores} at most."
    return ""


def _files_passed_over(study: Study) -> Iterator[str]:
    for name, corpus in study.corpora.items():
        if corpus.kind == "local" and (found := local.passed_over(corpus_options(corpus))):
            shown = ", ".join(spell(str(path.relative_to(Path(corpus.path)))) for path in found[:SHOWN])
            more = f" and {len(found) - SHOWN} more" if found[SHOWN:] else ""
            yield (
                f"corpora.{name}: {shown}{more} in {spell(corpus.path)} are not read, for what is read ends in "
                f"{listed(local.SUFFIXES)}, and links to folders, or out of the corpus, are not followed."
            )


def _definitions_without_use(study: Study) -> Iterator[str]:
    for section in ("mixtures", "controls"):
        defined = getattr(study.calibration, section)
        if unused := sorted(set(defined) - set(study.calibration.calibrations)):
            yield f"calibration.{section}: calibrations does not name {listed(unused)}, so that it is not made."
