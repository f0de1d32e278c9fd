"""Jobs are counted as snakemake counts them."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from workflow_scripts.planning.jobs import job_counts
from workflow_scripts.study import read_study

ROOT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def larger() -> dict:
    """Two models, mixtures, two patterns, another corpus to evaluate on; the calibration has a language of its own."""
    study = copy.deepcopy(DEFAULT)
    study["pruning"]["methods"] = ["sparsegpt", "wanda"]
    study["models"] |= {"hub": {"hub": "organisation/model", "revision": "main"}}
    study["corpora"] |= {"web": {"kind": "hub", "name": "organisation/texts"}}
    study["calibration"] |= {
        "mixtures": {"mostly-sw": {"sw": 3, "en": 1}},
        "calibrations": ["en+sw", "mostly-sw", "de"],
        "seeds": [0, 3],
    }
    study["pruning"] |= {"patterns": [0.5, "2:4"]}
    study["evaluation"] |= {"corpus": "web", "languages": ["sw", "zh"]}
    return study


def controlled() -> dict:
    """Controls of every kind, two of which share their texts, calibrations matched on content, cloze items,
    open questions (none of them in Swahili), continuations."""
    study = copy.deepcopy(DEFAULT)
    controls = {
        "noise": {"kind": "random", "language": "sw"},
        "shuffled": {"kind": "shuffled", "language": "sw"},
        "generated": {"kind": "generated", "language": "sw"},
        "stories": {"kind": "register", "language": "sw", "register": "narrative"},
        "elsewhere": {"kind": "corpus", "language": "ar", "corpus": "web"},
    }
    study["corpora"] |= {"web": {"kind": "hub", "name": "organisation/texts"}}
    study["calibration"] |= {"controls": controls, "calibrations": ["sw", "en+sw", *controls], "documents": 7}
    del study["calibration"]["windows"]
    # Of XStoryCloze German has none: two sets of tasks.
    study["evaluation"]["tasks"] = ["xstorycloze", "xnli"]
    study["evaluation"] |= {"cloze": 5, "continuations": {}, "representations": {}, "activations": {}}
    study["evaluation"]["questions"] = {"hub": "apple/mkqa", "revision": "refs/convert/parquet"}
    return study


def planned_by_snakemake(study: dict, folder: Path) -> dict[str, int]:
    """Rule -> jobs of a dry run without results."""
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "study.yaml")]
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    rows = re.findall(r"^(\w+) +(\d+)$", done.stdout.partition("Job stats:")[2], re.MULTILINE)
    return {rule: int(count) for rule, count in dict(rows).items() if rule not in {"all", "total"}}


@pytest.mark.parametrize("study", [DEFAULT, larger(), controlled()], ids=["default", "larger", "controlled"])
def test_counts_are_those_of_a_dry_run(study, tmp_path):
    assert job_counts(read_study(study)) == planned_by_snakemake(study, tmp_path)


def test_the_default_study_by_hand():
    counts = job_counts(read_study(DEFAULT))
    # Magnitude, and three languages with three seeds each.
    assert counts["prune_model"] == 1 + 9
    # All calibrations and seeds in one job, in three languages.
    assert counts["measure_perplexity"] == 3
    # The dense model and magnitude in three languages.
    assert counts["measure_perplexity_uncalibrated"] == 3


def test_settings_of_a_method_that_changes_weights_are_jobs_of_their_own():
    counts = job_counts(read_study(larger()))
    # Two models, two patterns, three calibrations, two languages.
    assert counts["measure_perplexity_of_weights"] == 2 * 2 * 3 * 2
    # The same, but all calibrations in one job.
    assert counts["measure_perplexity"] == 2 * 2 * 2
