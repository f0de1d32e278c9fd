"""Artifacts of a study in one table: what does not belong there is refused by name."""

import polars as pl
import pyarrow as pa
import pytest

from workflow_scripts.analysis.gather import gather, refuse_foreign
from workflow_scripts.artifacts.files import ArtifactError, digest_of_file, write_table


def provenance(**other) -> dict:
    parameters = {"device": "cpu", "dtype": "float32"} | other.pop("parameters", {})
    return {"inputs": other, "parameters": parameters, "versions": {"torch": "1", "transformers": "2"}}


def write(path, value, **other):
    write_table(path, pa.table({"nats": [value]}), provenance(**other))
    return path


def test_rows_stand_below_each_other_with_their_labels(tmp_path):
    files = {
        write(tmp_path / f"{name}.parquet", float(n), tokens=name): {"language": name} for n, name in enumerate("ab")
    }
    assert gather(files).equals(pl.DataFrame({"language": ["a", "b"], "nats": [0.0, 1.0]}))


def test_a_copy_in_a_wrong_place_is_named(tmp_path):
    own, other = tmp_path / "own.parquet", tmp_path / "other.parquet"
    write(own, 1.0, tokens="a", masks="m")
    other.write_bytes(own.read_bytes())
    with pytest.raises(ArtifactError, match=r"other\.parquet and .*own\.parquet were made of the same inputs"):
        gather({own: {}, other: {}})
    write(other, 1.0, tokens="a", masks="n")
    assert gather({own: {}, other: {}}).height == 2


def test_what_was_made_from_another_input_is_named(tmp_path):
    tokens = [tmp_path / "de.parquet", tmp_path / "sw.parquet"]
    for path in tokens:
        path.write_text(path.name)
    made = write(tmp_path / "made.parquet", 1.0, tokens=digest_of_file(tokens[0]))
    refuse_foreign("tokens", {made: tokens[0]})
    with pytest.raises(ArtifactError, match=r"made\.parquet was not made from .*sw\.parquet: delete it"):
        refuse_foreign("tokens", {made: tokens[1]})


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"dtype": "bfloat16"}])
def test_different_settings_do_not_mix(tmp_path, other):
    own = write(tmp_path / "own.parquet", 1.0, tokens="a")
    with pytest.raises(ArtifactError, match="no effects of a calibration"):
        gather({own: {}, write(tmp_path / "other.parquet", 1.0, tokens="b", parameters=other): {}})
