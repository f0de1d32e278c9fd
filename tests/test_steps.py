"""The steps as functions, on a tiny model: what they refuse, what they leave alone, what they leave out."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import polars as pl
import pytest

from tests.conftest import save_checkpoint, write_local_corpus
from workflow_scripts.artifacts.files import ArtifactError, read_provenance
from workflow_scripts.artifacts.paths import Grid, Variant, perplexity_path, tokens_path, variant_folder
from workflow_scripts.evaluation.texts import Parameters as PerplexityParameters
from workflow_scripts.steps.collect_documents import Parameters as DocumentParameters
from workflow_scripts.steps.collect_documents import collect_documents
from workflow_scripts.steps.collect_states import collect_states
from workflow_scripts.steps.measure_perplexity import measure_perplexity
from workflow_scripts.steps.overlap_masks import overlap_masks
from workflow_scripts.steps.prepare_model import prepare_model
from workflow_scripts.steps.prune_model import Parameters as PruningParameters
from workflow_scripts.steps.prune_model import prune_model
from workflow_scripts.steps.sample_calibration import Parameters as SampleParameters
from workflow_scripts.steps.sample_calibration import sample_calibration
from workflow_scripts.steps.tabulate_layers import tabulate_layers
from workflow_scripts.steps.tabulate_perplexity import tabulate_perplexity
from workflow_scripts.steps.tokenize_documents import tokenize_documents

GRID = Grid(
    ("tiny",),
    ("wanda",),
    ("0.5",),
    "letters-2x16",
    "sequential",
    ("aa", "bb"),
    ("aa", "bb"),
    (0,),
    "letters-3x32",
    ("aa",),
)
MEASURE = PerplexityParameters(documents=3, length=32, device="cpu")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Artifacts of a tiny study up to the masks."""
    folder = tmp_path_factory.mktemp("steps")
    results = folder / "results"
    record = results / "models/tiny/provenance.json"
    prepare_model(record=record, checkpoint=sorted(save_checkpoint(folder / "given").iterdir()))
    write_local_corpus(folder / "letters", ["aa", "bb"])
    for language in ("aa", "bb"):
        documents = results / f"corpora/letters/{language}.parquet"
        collect_documents(
            output=documents, parameters=DocumentParameters("local", language), path=str(folder / "letters")
        )
        tokenize_documents(model=record, documents=documents, output=tokens_path(results, "tiny", "letters", language))
    for variant in GRID.calibrated():
        sample(results, variant)
        prune(results, variant)
    prune(results, Variant.uncalibrated("magnitude", "0.5"))
    return results


def record_of(results):
    return results / "models/tiny/provenance.json"


def windows_of(results, variant):
    return results / f"calibration/{variant.calibration}.parquet"


def sample(results, variant, model=None):
    parameters = SampleParameters("letters", {variant.calibration: 1.0}, 16, variant.seed, windows=2)
    sample_calibration(
        model=model or record_of(results),
        tokens=[tokens_path(results, "tiny", "letters", variant.calibration)],
        output=windows_of(results, variant),
        parameters=parameters,
    )


def prune(results, variant, **files):
    folder = variant_folder(results, "tiny", variant)
    windows = None if variant.calibration == "none" else windows_of(results, variant)
    prune_model(
        model=record_of(results),
        masks=folder / "masks.parquet",
        layers=folder / "layers.parquet",
        windows=windows,
        parameters=PruningParameters(variant.method, variant.pattern, batch=2, device="cpu"),
        **files,
    )


def masks_of(results, variant):
    return variant_folder(results, "tiny", variant) / "masks.parquet"


def measure(results, variants, parameters=MEASURE):
    output = [perplexity_path(results, "tiny", variant, GRID.evaluation, "aa") for variant in variants]
    masks = [masks_of(results, variant) for variant in variants if variant != Variant.dense()]
    measure_perplexity(output=output, masks=masks, **texts_of(results, parameters))
    return output


def texts_of(results, parameters):
    """What perplexity jobs have in common, the dense model's states collected."""
    texts = {"model": record_of(results), "tokens": tokens_path(results, "tiny", "letters", "aa")}
    states = results / f"states/{parameters.dtype}.safetensors"
    collect_states(output=states, parameters=parameters, **texts)
    return texts | {"states": states, "parameters": parameters}


def test_an_output_that_still_holds_is_left_as_it_is_and_another_is_measured_again(results):
    variants = list(GRID.calibrated())
    paths = measure(results, variants)
    contents = [path.read_bytes() for path in paths]
    for path in paths:
        os.utime(path, (1, 1))
    paths[1].write_bytes(b"damaged")
    inode = paths[0].stat().st_ino
    measure(results, variants)
    assert [path.read_bytes() for path in paths] == contents
    # The first is the same file with a new time, which Snakemake goes by; the second was written anew.
    assert paths[0].stat().st_ino == inode and paths[0].stat().st_mtime > 1


def test_a_job_of_which_everything_holds_imports_no_torch(results):
    variants = [Variant.dense(), *GRID.calibrated()]
    paths = measure(results, variants)
    texts = texts_of(results, MEASURE)
    files = [(name, texts[name]) for name in ("model", "tokens", "states")]
    files += [("output", path) for path in paths]
    files += [("masks", masks_of(results, variant)) for variant in variants[1:]]
    program = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('torch' in sys.modules, 'transformers' in sys.modules))\n"
        "runpy.run_module('workflow_scripts.steps.measure_perplexity', run_name='__main__', alter_sys=True)\n"
    )
    command = [sys.executable, "-c", program, "--parameters", json.dumps(asdict(MEASURE))]
    command += [word for name, path in files for word in (f"--{name}", str(path))]
    for path in paths:
        os.utime(path, (1, 1))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False False\n"
    assert all(path.stat().st_mtime > 1 for path in paths)


def test_outputs_and_masks_are_matched_one_to_one(results, tmp_path):
    variants = list(GRID.calibrated())
    output = [tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "c.parquet"]
    with pytest.raises(ValueError, match="3 files to write for 1 mask stores"):
        measure_perplexity(output=output, masks=[masks_of(results, variants[0])], **texts_of(results, MEASURE))


def test_the_dense_model_does_not_diverge_from_itself_and_a_variant_does(results):
    rows = {}
    for variant in (Variant.dense(), next(GRID.calibrated())):
        [path] = measure(results, [variant])
        rows[variant.method] = pl.read_parquet(path)
    dense, pruned = rows["dense"], rows["wanda"]
    assert dense["divergence"].to_list() == [0.0, 0.0, 0.0]
    assert dense["agreement"].equals(dense["tokens"])
    assert (pruned["divergence"] > 0).all()
    assert (pruned["agreement"] <= pruned["tokens"]).all()
    assert not pruned["nats"].equals(dense["nats"])


def test_states_that_were_computed_in_another_way_are_refused(results, tmp_path):
    texts = texts_of(results, MEASURE)
    with pytest.raises(ArtifactError, match="of other texts, or computed in another way"):
        measure_perplexity(output=[tmp_path / "a.parquet"], **texts | {"parameters": replace(MEASURE, documents=2)})
    texts["states"].write_bytes(texts["states"].read_bytes()[:-1] + b"?")
    with pytest.raises(ArtifactError, match="not what was written"):
        measure_perplexity(output=[tmp_path / "a.parquet"], **texts)


def test_a_table_of_mixed_precision_is_refused(results, tmp_path):
    def tabulate():
        grid = json.dumps(vars(GRID))
        tabulate_perplexity(results=results, corpus="letters", grid=grid, output=tmp_path / "table.parquet")

    variants = list(GRID.variants())
    for variant in variants:
        measure(results, [variant])
    tabulate()
    assert set(read_provenance(tmp_path / "table.parquet")["inputs"]) == {"perplexity", "tokens"}
    table = pl.read_parquet(tmp_path / "table.parquet")
    assert table.height == len(variants) * 3
    assert table.columns[:4] == ["model", "variant", "method", "pattern"]
    measure(results, [variants[-1]], PerplexityParameters(documents=3, length=32, device="cpu", dtype="bfloat16"))
    with pytest.raises(ArtifactError, match=r"float32.*bfloat16.*no effects of a calibration"):
        tabulate()


def test_errors_of_all_calibrated_variants_are_in_one_table(results, tmp_path):
    tabulate_layers(results=results, grid=json.dumps(vars(GRID)), output=tmp_path / "layers.parquet")
    table = pl.read_parquet(tmp_path / "layers.parquet")
    assert table.columns[:4] == ["model", "variant", "method", "pattern"]
    assert table.height == 2 * 3 * 7
    assert set(table["calibration"]) == {"aa", "bb"}
    assert table["local_error"].is_between(0, 1).all()
    assert len(read_provenance(tmp_path / "layers.parquet")["inputs"]["layers"]) == 2


def test_windows_of_another_tokenizer_are_refused(results, tmp_path):
    other = tmp_path / "other" / "provenance.json"
    prepare_model(record=other, checkpoint=sorted(save_checkpoint(tmp_path / "given", seed=5).iterdir()))
    variant = next(GRID.calibrated())
    with pytest.raises(ArtifactError, match="made for another model than other"):
        sample(results, variant, model=other)


def test_a_method_is_given_just_the_files_it_takes(results, tmp_path):
    variant = next(GRID.calibrated())
    with pytest.raises(ValueError, match="wanda takes, of --windows and --weights, --windows"):
        prune(results, variant, weights=tmp_path / "weights.safetensors")
    other = Variant("sparsegpt", *list(vars(variant).values())[1:])
    with pytest.raises(ValueError, match="sparsegpt takes, of --windows and --weights, --windows and --weights"):
        prune(results, other)


def test_a_checkpoint_is_never_taken_from_where_it_would_be_put(results):
    inside = sorted(record_of(results).parent.glob("*.json"))
    with pytest.raises(ValueError, match=r"move the checkpoint out of results/"):
        prepare_model(record=record_of(results), checkpoint=inside)
    assert read_provenance(record_of(results))


@pytest.mark.parametrize(
    ("languages", "relations"), [(["bb"], {"magnitude", "between"}), (["aa", "bb"], {"magnitude"})]
)
def test_pairs_that_may_share_documents_are_left_out(results, tmp_path, languages, relations):
    variants = [Variant.uncalibrated("magnitude", "0.5"), *GRID.calibrated()]
    overlap_masks(
        masks=[masks_of(results, variant) for variant in variants],
        layers=[masks_of(results, variant).with_name("layers.parquet") for variant in variants[1:]],
        grid=json.dumps(vars(GRID)),
        languages=json.dumps({"aa": ["aa"], "bb": languages}),
        model="tiny",
        method="wanda",
        pattern="0.5",
        output=tmp_path / "overlap.parquet",
    )
    table = pl.read_parquet(tmp_path / "overlap.parquet")
    assert set(table["relation"]) == relations
    assert table.height == (2 + ("between" in relations)) * 21
    compared = table.filter(pl.col("relation") == "between")
    assert compared["input_similarity"].is_between(0, 1, closed="none").all()
    assert table.filter(pl.col("relation") == "magnitude")["input_similarity"].is_null().all()
    # q, k and v have one input.
    heads = compared.filter(pl.col("module").str.contains(r"[qkv]_proj"))
    assert (heads.group_by("block").agg(pl.col("input_similarity").n_unique())["input_similarity"] == 1).all()
