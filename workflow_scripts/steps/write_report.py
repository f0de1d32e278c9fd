"""Step: write the report of a study, one HTML file that opens offline."""

import json
from pathlib import Path

import polars as pl

from workflow_scripts.artifacts.files import make_provenance, read_provenance, replacing, write_record
from workflow_scripts.reporting.durations import read_durations
from workflow_scripts.reporting.page import render_report
from workflow_scripts.reporting.study_facts import describe_corpora, describe_models
from workflow_scripts.runtime.command_line import run_step


def write_report(
    *,
    models: list[Path],
    documents: list[Path],
    tables: list[Path],
    perplexity: Path,
    study: str,
    command: str,
    setup: str,
    calibrations: str,
    corpora: str,
    timings: Path,
    output: Path,
    record: Path,
    code: str = "",
) -> None:
    """Write the report.

    Args:
        models: records of the dense models.
        documents: the document tables that the study draws on.
        tables: the tables of `compare_calibrations`.
        perplexity: the long table of perplexity.
        study: name of the study.
        command: how to reproduce it.
        setup: label -> text of the set-up, as JSON.
        calibrations: calibration -> what it is, see `reporting.kit.calibrations.Made`, as JSON.
        corpora: corpus -> source, licence and whether a machine wrote it, as JSON.
        timings: folder of the timings that Snakemake leaves; whatever is there, and no input, for it changes with each job.
        output: the report.
        record: what vouches for it, to write beside it.
        code: digest of this step's code.
    """
    told = {
        "study": study,
        "command": command,
        "setup": json.loads(setup),
        "calibrations": json.loads(calibrations),
        "corpora": json.loads(corpora),
    }
    inputs = {"models": models, "documents": documents, "tables": tables, "perplexity": perplexity}
    provenance = make_provenance("write_report", told, code, inputs)
    made = {path.stem: pl.read_parquet(path) for path in tables}
    keys = ["model", "method", "pattern", "calibration", "seed"]
    facts = {
        "name": study,
        "command": command,
        "setup": told["setup"],
        "calibrations": told["calibrations"],
        "models": describe_models(models),
        "corpora": describe_corpora(documents, told["corpora"]),
        "versions": {k: v for path in (*models, *tables) for k, v in read_provenance(path)["versions"].items()},
        "variants": made["matrix"].select(keys).unique().height,
    }
    subjects = {study, *(entry["name"] for entry in facts["models"] + facts["corpora"])}
    facts["durations"] = read_durations(timings, subjects)
    with replacing(output) as temporary:
        html = render_report(facts, made, pl.read_parquet(perplexity))
        temporary.write_text(html, encoding="utf-8")
    write_record(record, [output], provenance)


if __name__ == "__main__":
    run_step(write_report)
