"""Operations, seconds and memory of a job, computed by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.planning.sizes import SHAPE
from workflow_scripts.planning import effort
from workflow_scripts.planning.effort import Setting, Stage
from workflow_scripts.planning.jobs import JobKind, job_kinds
from workflow_scripts.planning.shapes import SharedShape
from workflow_scripts.pruning.methods.sparsegpt.declaration import METHOD as sparsegpt
from workflow_scripts.study import read_study

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
STUDY = read_study(DEFAULT)
SETTING = Setting(STUDY, rate=1e9, dtype_bytes=4, tokens_per_document=100)


def test_linears_that_read_one_input_are_found():
    assert SHAPE.prunable == 16 + 8 + 16 + 40
    assert SHAPE.shared == (SharedShape(4, 6), SharedShape(4, 4), SharedShape(10, 4))


def test_operations_of_a_forward_pass():
    # 2 x 80 weights x 10 tokens, and 4 x 10 tokens x 5 seen x 4 wide in one block.
    assert effort.forward_operations(SHAPE, tokens=10, length=5) == 1600 + 800
    assert effort.head_operations(SHAPE, tokens=10) == 2 * 50 * 4 * 10


def test_experts_take_part_with_the_tokens_that_they_are_sent():
    experts = tuple(replace(linear, share=0.25) if linear.in_features == 10 else linear for linear in SHAPE.linears)
    shape = replace(SHAPE, linears=experts)
    # Of the 40 weights of the linear with 10 inputs, a quarter of the tokens see some.
    assert effort.forward_operations(shape, tokens=10, length=5) == 2 * (40 + 10) * 10 + 800
    assert effort.gram_operations(shape, tokens=10) == pytest.approx(1.2 * 10 * (16 + 16 + 25))


def test_operations_of_sparsegpt():
    assert effort.gram_operations(SHAPE, tokens=10) == pytest.approx(1.2 * 10 * (16 + 16 + 100))
    assert (
        sum(sparsegpt.operations(s.in_features, s.out_features) for s in SHAPE.shared)
        == 64 + 64 + 1000 + 6 * 16 + 4 * 16 + 4 * 100
    )


@pytest.mark.parametrize(("pattern", "kept"), [("0.5", 0.5), ("0.75", 0.25), ("2of4", 0.5), ("3of4", 0.75)])
def test_share_that_is_kept(pattern, kept):
    assert effort.kept_share(pattern) == kept


def test_sparsegpt_holds_what_wanda_holds_and_its_gram_matrices():
    wanda, sparsegpt = (
        effort.prune_cost(JobKind("", "prune", 1, "m", method, "0.5"), SHAPE, SETTING)
        for method in ("wanda", "sparsegpt")
    )
    # 8 windows of 256 tokens, 4 wide.
    assert wanda.memory == effort.LIBRARIES + effort.WORK + 80 * 4 + 2048 * 4 * 4
    assert sparsegpt.memory - wanda.memory == 4 * (16 + 16 + 100 + 100 / 2 + 2 * 10 * 4)
    assert sparsegpt.seconds > wanda.seconds


def test_evaluation_loads_once_scores_every_variant_and_computes_the_dense_models_logits_once():
    one, three = (
        effort.perplexity_cost(JobKind("", "perplexity", 1, "m", variants=n), SHAPE, SETTING).seconds for n in (1, 3)
    )
    dense_logits = effort.head_operations(SHAPE, 8 * 100) / (1e9 * effort.REACHED)
    assert three - one == pytest.approx(2 * (one - effort.startup(4000) - dense_logits))
    states = effort.states_cost(JobKind("", "states", 1, "m"), SHAPE, SETTING)
    forward = effort.forward_operations(SHAPE, 8 * 100, 512) / (1e9 * effort.REACHED)
    assert states.seconds == pytest.approx(effort.startup(4000) + forward)


def test_a_model_of_unknown_size_leaves_its_stages_unknown_and_their_jobs_counted():
    stages = {stage.rule: stage for stage in effort.stages(list(job_kinds(STUDY)), {"gemma-3-270m": None}, SETTING)}
    assert stages["prune_model"] == Stage("prune_model", 10, None, None)
    assert stages["draw_figures"].seconds


def test_jobs_run_side_by_side():
    assert effort.wall_seconds(Stage("r", 10, 100.0, 1.0), side_by_side=2) == 50
    assert effort.wall_seconds(Stage("r", 1, 100.0, 1.0), side_by_side=2) == 100


def test_tasks_cost_by_their_items_and_variants():
    own = {"tasks": ["xnli"], "task_items": 10}
    study = read_study(DEFAULT | {"evaluation": DEFAULT["evaluation"] | own})
    [one] = [kind for kind in job_kinds(study) if kind.rule == "score_tasks_uncalibrated"]
    [series] = [kind for kind in job_kinds(study) if kind.rule == "score_tasks"]
    # The dense model and magnitude; three calibrations with three seeds.
    assert (one.asked, one.variants, one.jobs) == (1, 2, 3)
    assert (series.variants, series.jobs) == (9, 3)
    setting = replace(SETTING, study=study)
    first, second = (effort.tasks_cost(kind, SHAPE, setting) for kind in (one, series))
    # 280 bytes of weights hardly load; ten questions of 300 tokens, and 100 scored tokens.
    operations = effort.forward_operations(SHAPE, 3000, 300) + effort.head_operations(SHAPE, 100)
    assert (second.seconds - first.seconds) == pytest.approx(7 * operations / (1e9 * effort.REACHED), rel=1e-3)
    assert first.memory == second.memory
