"""What a study did not try is told, and only there."""

import polars as pl

from workflow_scripts.reporting.limits import NO_OTHER_REGISTER, limits


def test_what_was_not_tried_is_told(tables_of, calibrations_of):
    with_register = limits({"calibrations": calibrations_of("controls")}, tables_of("controls"))
    assert NO_OTHER_REGISTER not in with_register
    assert NO_OTHER_REGISTER in limits({"calibrations": calibrations_of("small")}, tables_of("small"))
    assert NO_OTHER_REGISTER not in limits({}, tables_of("one language"))


def test_a_study_of_one_method_names_the_study_of_two(tables_of):
    both = tables_of("small")
    one = {
        name: table.filter(pl.col("method") != "sparsegpt") if "method" in table.columns else table
        for name, table in both.items()
    }
    (told,) = [sentence for sentence in limits({}, one) if "studies/two-methods.yaml" in sentence]
    assert told.startswith("One method that calibrates was studied (Wanda):")
    assert "two-methods" not in " ".join(limits({}, both))
