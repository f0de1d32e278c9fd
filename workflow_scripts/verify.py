"""Command: check every artifact against its seal, its provenance, and what the workflow would write now. Changes nothing."""

import logging
import sys
from collections import Counter
from pathlib import Path
from shlex import quote

from tqdm import tqdm
from transformers.utils import logging as transformers_logging

from workflow_scripts.cli import run_step
from workflow_scripts.verification.expectations import expected_artifacts
from workflow_scripts.verification.findings import FAULTS, Digests, Finding, State, examine, examine_others

RESULTS = Path("results")


def verify(*, configfile: Path | None = None) -> None:
    """Say which artifacts are damaged, foreign or out of date; exit with 1 when any is.

    Args:
        configfile: the study, as for snakemake; the default study if left out.
    """
    transformers_logging.set_verbosity_error()
    # Snakemake tells that it builds a DAG.
    logging.disable(logging.INFO)
    expected = expected_artifacts(configfile)
    digests = Digests()
    for artifact in tqdm(expected, "reading", unit="artifact", disable=None):
        digests.of(artifact.path)
    findings = [examine(artifact, digests) for artifact in tqdm(expected, "checking", unit="artifact", disable=None)]
    findings += examine_others(RESULTS, {artifact.path for artifact in expected})
    print("\n".join(lines(findings, configfile)))
    sys.exit(1 if any(finding.state in FAULTS for finding in findings) else 0)


def lines(findings: list[Finding], configfile: Path | None) -> list[str]:
    """The faults, a line each, what there is in all, and how to go on."""
    counts = Counter(finding.state for finding in findings)
    told = [f"{finding.path} is {finding.state}: {finding.reason}." for finding in findings if finding.state in FAULTS]
    told.append(", ".join(f"{counts[state]} {state}" for state in State if counts[state]) + ".")
    bad = [str(finding.path) for finding in findings if finding.state in (State.DAMAGED, State.FOREIGN)]
    again = "snakemake --cores all" + (f" --configfile {quote(str(configfile))}" if configfile else "")
    if bad:
        told.append(f"Delete what is damaged or foreign, then run again:\nrm {' '.join(map(quote, bad))}\n{again}")
    elif counts[State.STALE] or counts[State.MISSING]:
        told.append(f"What is out of date or not there is made by: {again}")
    return told


if __name__ == "__main__":
    run_step(verify)
