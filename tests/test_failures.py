"""What a run that failed says last."""

from workflow_scripts.failures import describe_failure


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
