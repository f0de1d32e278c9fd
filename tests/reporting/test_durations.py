"""Durations: what Snakemake's timings say, of this study alone, rounded."""

import pytest

from workflow_scripts.reporting.durations import LONGEST, Job, read_durations, rounded, summarise_jobs

HEAD = "s\th:m:s\tmax_rss\n"


def leave(folder, name, *seconds):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "".join(f"{value}\t0:00:01\t12.5\n" for value in seconds))


def test_jobs_of_this_study_are_added_up_by_rule(tmp_path):
    leave(tmp_path, "prune_model/gemma/wanda/0.5/none/sw/0.tsv", 30)
    leave(tmp_path, "prune_model/gemma/wanda/0.5/none/de/0.tsv", 40)
    leave(tmp_path, "prune_model/another/wanda/0.5/none/de/0.tsv", 4000)
    leave(tmp_path, "draw_figures/mine.tsv", 5, 7)
    leave(tmp_path, "draw_figures/yours.tsv", 5)
    (tmp_path / "draw_figures" / "broken").mkdir()
    (tmp_path / "draw_figures" / "gemma.tsv").write_text("no table")
    found = read_durations(tmp_path, {"mine", "gemma"})
    assert found.rules == [("prune_model", 2, "1.2 min"), ("draw_figures", 1, "6 s")]
    assert found.longest[0] == ("prune_model", "gemma/wanda/0.5/none/de/0", "40 s")
    assert found.total == "1.3 min"


def test_without_timings_nothing_is_known(tmp_path):
    assert read_durations(tmp_path / "absent", {"mine"}) is None
    leave(tmp_path, "draw_figures/yours.tsv", 5)
    assert read_durations(tmp_path, {"mine"}) is None


def test_the_longest_jobs_are_few():
    jobs = [Job("prune_model", str(i), float(i)) for i in range(20)]
    assert [about for _, about, _ in summarise_jobs(jobs).longest] == [str(19 - i) for i in range(LONGEST)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "under 1 s"), (8.4, "8 s"), (75, "1.2 min"), (1500, "25 min"), (5400, "1.5 h"), (90000, "25 h")],
)
def test_durations_are_rounded(seconds, text):
    assert rounded(seconds) == text
