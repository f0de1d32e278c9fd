"""Command: check every artifact against its seal, its provenance, and what the workflow would write now. Changes nothing."""

import logging
import sys
from collections import Counter
from pathlib import Path
from shlex import quote

from tqdm import tqdm

from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.study import DEFAULT, read_file
from workflow_scripts.verification.expectations import expected_artifacts
from workflow_scripts.verification.findings import FAULTS, Digests, Finding, State, examine, examine_others

RESULTS = Path("results")


def verify(configfile: Path | None = None) -> None:
    """Say which artifacts are damaged, foreign or out of date; exit with 1 when any is.

    Args:
        configfile: the study, as for snakemake; the default study if left out.
    """
    # Snakemake tells that it builds a DAG, and the workflow that results without records are to be verified.
    logging.disable(logging.WARNING)
    read_file(configfile or DEFAULT, with_texts=False)
    expected = expected_artifacts(configfile)
    digests = Digests()
    for artifact in tqdm(expected, "reading", unit="artifact", disable=None):
        digests.of(artifact.path)
    findings = [examine(artifact, digests) for artifact in tqdm(expected, "checking", unit="artifact", disable=None)]
    own = {artifact.path for artifact in expected}
    findings += examine_others(RESULTS, own)
    unrecorded = {artifact.path for artifact in expected if artifact.path.exists() and not artifact.recorded}
    print("\n".join(lines(findings, own, unrecorded, configfile)))
    sys.exit(1 if any(finding.state in FAULTS for finding in findings) else 0)


def lines(findings: list[Finding], expected: set[Path], unrecorded: set[Path], configfile: Path | None) -> list[str]:
    """The faults, a line each, what there is in all, and how to go on.

    Args:
        findings: how every artifact stands.
        expected: the artifacts of the study.
        unrecorded: artifacts that Snakemake knows nothing of, and takes as up to date.
        configfile: the study, as for snakemake.
    """
    counts = Counter(finding.state for finding in findings)
    told = [f"{finding.path} is {finding.state}: {finding.reason}." for finding in findings if finding.state in FAULTS]
    told.append(", ".join(f"{counts[state]} {state}" for state in State if counts[state]) + ".")
    bad = [
        finding.path
        for finding in findings
        if finding.state in (State.DAMAGED, State.FOREIGN)
        # What it has a record of, Snakemake finds by itself.
        or (finding.state is State.STALE and finding.path in unrecorded)
    ]
    missing = [finding.path for finding in findings if finding.state is State.MISSING]
    study = f" --configfile {quote(str(configfile))}" if configfile else ""
    again = f"snakemake --cores all{study}"
    if bad:
        told.append(f"Delete what Snakemake would trust:\nrm {_words(bad)}")
    if wanted := [path for path in bad if path in expected] + missing:
        # By name, for Snakemake makes no file that nothing waits for.
        told.append(f"Make anew what is then not there:\nsnakemake --cores all {_words(wanted)}{study}")
    if bad or counts[State.STALE] or missing:
        told.append(f"{'Then make' if wanted else 'Make'} what is out of date:\n{again}")
    elif unrecorded:
        told.append(
            f"Snakemake has no record of {len(unrecorded)} of them, and will not see when they become out of date. It makes "
            f"one, and computes nothing, with: snakemake --touch --forceall --cores all{study}"
        )
    return told


def _words(paths: list[Path]) -> str:
    return " ".join(quote(str(path)) for path in paths)


if __name__ == "__main__":
    run_step(verify)
