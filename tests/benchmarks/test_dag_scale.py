"""The benchmark of the DAG on its smallest study."""

import json

from benchmarks.dag_scale import Measured, main, report, study
from benchmarks.sampler import Usage
from workflow_scripts.planning.jobs import job_counts
from workflow_scripts.study import read_study


def test_the_study_is_valid_and_grows_with_its_models():
    one, four = (sum(job_counts(read_study(study(models))).values()) for models in (1, 4))
    assert one > 1000 and 3.9 < four / one < 4
    pairs = len(study(1)["pruning"]["methods"]) * len(study(1)["pruning"]["patterns"])
    assert pairs == 4 * 3


def test_a_dry_run_is_measured(tmp_path, capsys):
    main(1, idle_up_to=0, folder=tmp_path, output=tmp_path / "figures.json")
    (found,) = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert found["jobs"] == 1006
    assert found["dry"]["peak_rss"] > 1e8 and found["idle"] is None
    assert str(found["jobs"]) in capsys.readouterr().out


def test_a_row_has_both_runs(capsys):
    report(Measured(4, 6334, Usage(40.5, 38.0, 600_000_000, 1), Usage(41.5, 38.0, 610_000_000, 1)))
    assert capsys.readouterr().out.split() == ["4", "6334", "40.5", "s", "0.60", "GB", "41.5", "s", "0.61", "GB"]
