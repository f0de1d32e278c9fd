"""What a run says last."""

from html import escape

from workflow_scripts.wiring.endings import describe_failure, describe_report


def test_a_finished_run_says_where_its_report_is_and_its_first_sentence(tmp_path):
    report = tmp_path / "report.html"
    answer = 'Own < "English" by 0.3 bits (2 of 3). By method: Wanda.'
    report.write_text(f'<head>\n<meta name="description" content="{escape(answer)}">\n<title>')
    assert describe_report(report) == f'The report: {report}\n    Own < "English" by 0.3 bits (2 of 3).'
    report.write_text("<html></html>")
    assert describe_report(report) == f"The report: {report}"


def test_the_sentence_the_log_and_the_command(tmp_path):
    log = tmp_path / "a b.log"
    log.write_text("INFO: x\nTraceback\n  File y failed: z\n\nprune_model failed: Too few windows:\ntake more.\n")
    found = describe_failure(
        [("prune_model", [str(log)])], ["/bin/snakemake", "-c", "2", "--configfile", "my study.yaml"]
    )
    assert found.splitlines() == [
        "prune_model failed: Too few windows: take more.",
        f"    log: {log}",
        "Finished jobs are kept: mend the cause, then go on where it stopped with",
        "    snakemake -c 2 --configfile 'my study.yaml'",
    ]


def test_a_killed_step_is_told_from_its_last_line(tmp_path):
    (tmp_path / "x.log").write_text("block 3 of 18 pruned\n")
    killed = describe_failure([("prune_model", [str(tmp_path / "x.log")])], ["snakemake"])
    assert "prune_model ended without a word of its own, killed or out of memory; its log ends with: block 3" in killed
    assert "before it wrote to its log" in describe_failure(
        [("prune_model", [str(tmp_path / "none.log")])], ["snakemake"]
    )


def test_a_run_that_was_stopped_says_how_to_go_on():
    assert (
        describe_failure([], ["snakemake", "-n"])
        == "Finished jobs are kept: go on where it stopped with\n    snakemake -n"
    )
