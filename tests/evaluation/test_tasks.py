"""Downstream tasks: against direct computations by the model and lm-eval's own results, and what a reader is told."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from tests.conftest import tiny_model, tiny_tokenizer
from tests.evaluation.task_files import items, write_task
from workflow_scripts.artifacts.files import make_provenance
from workflow_scripts.evaluation.tasks.definitions import (
    SCORED,
    TaskError,
    builtin,
    hub_files,
    read_definition,
    task_inputs,
)
from workflow_scripts.evaluation.tasks.families import FAMILIES, OWN
from workflow_scripts.evaluation.tasks.harness import SavingLM, load_subjects, score_items
from workflow_scripts.evaluation.tasks.items import Reading, rows_of

TOKENIZER = tiny_tokenizer()
READING = Reading(ids=tuple(OWN["ids"]), cluster=tuple(OWN["cluster"]))


def asked_of(model, folder: Path, batch: int = 3) -> SavingLM:
    lm = SavingLM(model, TOKENIZER, batch)
    lm.progress, lm.provenance = folder / "progress", make_provenance("score_tasks", {}, "", {})
    return lm


def scored(model, folder: Path, path: Path, count: int = 0, batch: int = 3, reading: Reading = READING) -> list[dict]:
    subjects = load_subjects([path], "", None, "test in en")
    return score_items(asked_of(model, folder, batch), subjects, count, reading).to_pylist()


def naive(model, row: dict) -> list[float]:
    """Log-likelihood of each choice after the question, a blank between them, by one whole forward pass each."""
    scores = []
    for choice in row["choices"]:
        question = TOKENIZER(row["question"].strip()).input_ids
        whole = TOKENIZER(f"{row['question'].strip()} {choice}").input_ids
        log_p = model(torch.tensor([whole])).logits[0].float().log_softmax(-1)
        scores.append(sum(log_p[at - 1, whole[at]].item() for at in range(len(question), len(whole))))
    return scores


@pytest.mark.parametrize("batch", [1, 3])
def test_log_likelihoods_and_margins_are_those_of_whole_forward_passes(kind, batch, tmp_path):
    model = tiny_model(kind, torch.float32)
    asked = [row | {"question": row["question"].strip()} for row in items()]
    rows = scored(model, tmp_path, write_task(tmp_path, "own", asked), batch=batch)
    assert len(rows) == len(asked)
    for item, row in zip(asked, rows, strict=True):
        scores = naive(model, item)
        assert row["loglikelihoods"] == pytest.approx(scores, rel=1e-4, abs=1e-3)
        others = [score for place, score in enumerate(scores) if place != item["answer"]]
        assert row["margin"] == pytest.approx(scores[item["answer"]] - max(others), rel=1e-3, abs=2e-3)
        assert row["lengths"] == [len(choice.encode()) for choice in item["choices"]]
        assert (row["answer"], row["chance"]) == (item["answer"], pytest.approx(1 / 3))
        assert (row["item_id"], row["cluster"]) == (item["item_id"], f"q{int(item['passage'][1:]) * 2}")
    assert len({row["hash"] for row in rows}) == len(rows)


def test_items_are_right_where_lm_eval_says_so_and_the_limit_takes_the_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tiny_model("llama", torch.float32)
    path = write_task(tmp_path, "own", items(40))
    lm = HFLM(pretrained=model, tokenizer=TOKENIZER, batch_size=3, max_length=64)
    manager = TaskManager(include_defaults=False)
    theirs = simple_evaluate(model=lm, tasks=[str(path)], task_manager=manager, limit=25, bootstrap_iters=0)
    samples = theirs["samples"]["own"]
    rows = scored(model, tmp_path, path, 25)
    assert [row["correct"] for row in rows] == [sample["acc"] for sample in samples]
    assert 0 < sum(row["correct"] for row in rows) < 25
    normalised = scored(model, tmp_path, path, 25, reading=Reading(metric="acc_norm"))
    assert [row["correct"] for row in normalised] == [sample["acc_norm"] for sample in samples]
    for row, sample in zip(rows, samples, strict=True):
        assert row["loglikelihoods"] == pytest.approx([answer[0] for answer in sample["filtered_resps"]], abs=1e-3)


def test_written_answers_are_right_or_wrong_alone(tmp_path):
    model = tiny_model("llama", torch.float32)
    keys = {
        "output_type": "generate_until",
        "doc_to_choice": None,
        "doc_to_target": "{{choices[0]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}],
    }
    path = write_task(tmp_path, "written", items(3), **keys)
    model_says = TOKENIZER.decode(
        model.generate(**TOKENIZER([items(3)[1]["question"]], return_tensors="pt"), max_new_tokens=4, do_sample=False)[
            0
        ][len(TOKENIZER(items(3)[1]["question"]).input_ids) :],
        skip_special_tokens=True,
    )
    [first, second, _] = scored(model, tmp_path, path, batch=1)
    assert first["margin"] is None and first["answer"] is None and first["loglikelihoods"] is None
    assert first["correct"] == 0
    told = items(3)
    told[1]["choices"][0] = model_says.partition("\n")[0]
    path = write_task(tmp_path / "right", "written", told, **keys)
    assert scored(model, tmp_path, path, batch=1)[1]["correct"] == 1
    assert second["hash"] != scored(model, tmp_path, path, batch=1)[1]["hash"]


class Fake:
    """A task whose choices and answers are fields."""

    OUTPUT_TYPE = "multiple_choice"
    multiple_input = 0

    def doc_to_choice(self, doc):
        return doc["choices"]

    def doc_to_target(self, doc):
        return doc["target"]

    def doc_to_text(self, doc):
        return ""


def sample(doc_id, doc, scores, **metrics):
    base = {"doc_id": doc_id, "doc": doc, "target": doc["target"], "filter": "none", "arguments": [("q", str(doc_id))]}
    return base | {"filtered_resps": [(score, False) for score in scores], "metrics": list(metrics)} | metrics


def test_several_right_choices_have_the_best_ones_margin_and_no_place():
    doc = {"choices": ["a", "bé", "c", "d"], "target": [0, 2]}
    [row] = rows_of(Fake(), [sample(3, doc, [-4.0, -3.0, -1.0, -2.5], acc=1.0)], Reading())
    assert (row["answer"], row["margin"], row["chance"]) == (None, 1.5, 0.5)
    assert (row["item_id"], row["cluster"], row["lengths"]) == ("00003", "00003", [1, 3, 1, 1])
    [spelled] = rows_of(Fake(), [sample(3, doc | {"target": "c"}, [-4.0, -3.0, -1.0, -2.5], acc=1.0)], Reading())
    assert (spelled["answer"], spelled["margin"]) == (2, 1.5)


def test_items_of_equal_names_are_numbered_and_clusters_are_called_after_their_first():
    docs = [
        {"choices": ["a", "b"], "target": 0, "link": link, "n": 1, "text": text} for link, text in ("xs", "xt", "yt")
    ]
    samples = [sample(place, doc, [-1.0, -2.0], acc=1.0) for place, doc in enumerate(docs)]
    rows = rows_of(Fake(), samples, Reading(ids=("link", "n"), cluster=("text",)))
    assert [row["item_id"] for row in rows] == ["x/1", "x/1#2", "y/1"]
    assert [row["cluster"] for row in rows] == ["x/1", "x/1#2", "x/1#2"]
    by_place = rows_of(Fake(), samples, Reading(ids=("link", "nowhere|missing")), "law")
    assert [row["item_id"] for row in by_place] == ["x", "x#2", "y"]
    assert rows_of(Fake(), samples, Reading(ids=("missing",)), "law")[1]["item_id"] == "law/00001"


def test_a_metric_must_say_of_each_item_whether_it_is_right():
    doc = {"choices": ["a", "b"], "target": 0}
    with pytest.raises(TaskError, match="none of the metrics f1"):
        rows_of(Fake(), [sample(0, doc, [-1.0, -2.0], f1=(0, 1))], Reading())
    with pytest.raises(TaskError, match="metric score of item 00000 is 7"):
        rows_of(Fake(), [sample(0, doc, [-1.0, -2.0], score=7)], Reading())
    with pytest.raises(TaskError, match="no filter other"):
        rows_of(Fake(), [sample(0, doc, [-1.0, -2.0], acc=1.0)], Reading(filter="other"))
    with pytest.raises(ArithmeticError, match="of item 00000 is not finite"):
        rows_of(Fake(), [sample(0, doc, [-1.0, float("nan")], acc=1.0)], Reading())


def test_the_filter_and_metric_of_a_family_count():
    doc = {"choices": ["a", "b"], "target": 0}
    samples = [
        sample(0, doc, [-1.0, -2.0], acc=0.0, acc_norm=0.0),
        sample(0, doc, [-1.0, -2.0], acc=0.0, acc_norm=1.0) | {"filter": "flexible"},
    ]
    [row] = rows_of(Fake(), samples, Reading(metric="acc_norm", filter="flexible"))
    assert row["correct"] == 1.0


@pytest.mark.parametrize("name", FAMILIES)
def test_every_task_of_a_family_is_in_the_installed_lm_eval(name):
    family = FAMILIES[name]
    # One language of many subjects is read whole; of the others, the files are looked for.
    read = ["sw"] if "*" in family.path else family.languages
    tasks = [builtin(family.definition(language)) for language in read]
    keys = [read_definition(path).keys for paths in tasks for path in paths]
    assert len({entry["task"] for entry in keys}) == len(keys)
    assert {entry["output_type"] == "generate_until" for entry in keys} == {family.generates}
    assert {entry["output_type"] for entry in keys} <= set(SCORED)
    for entry in keys:
        names = [metric["metric"] for metric in entry["metric_list"]]
        filters = [known["name"] for known in entry.get("filter_list", [])]
        assert (family.metric or names[0]) in names and (not family.filter or family.filter in filters)
    root = Path(builtin("belebele/belebele_eng_Latn.yaml")[0]).parents[1]
    for language in family.languages:
        assert next(root.glob(family.definition(language)), None), (name, language)


def test_the_seven_languages_have_the_tasks_they_should():
    seven = {"ar", "de", "en", "es", "ru", "sw", "zh"}
    gaps = {name: sorted(seven - set(family.languages)) for name, family in FAMILIES.items()}
    assert {name for name, missing in gaps.items() if not missing} == {
        "belebele",
        "xnli",
        "global_mmlu_full",
        "global_piqa",
    }
    assert gaps["xstorycloze"] == ["de"] and gaps["mgsm"] == ["ar"] and gaps["arc"] == ["sw"]
    assert gaps["xcopa"] == ["ar", "de", "en", "es", "ru"] and gaps["paws"] == ["ar", "ru", "sw"]


BELEBELE = "belebele/belebele_swh_Latn.yaml"


def local_belebele(folder: Path, languages=("swh_Latn", "eng_Latn")) -> Path:
    """A folder laid out like the repository of Belebele, with three questions on two passages."""
    folder.mkdir(parents=True)
    rows = [
        {"link": f"http://{number // 2}", "question_number": number % 2 + 1, "flores_passage": f"abc {number // 2}"}
        | {"question": "def", "correct_answer_num": str(number + 1), "dialect": "x", "ds": "2023-05-03"}
        | {f"mc_answer{place}": "ab"[place % 2] * place for place in (1, 2, 3, 4)}
        for number in range(3)
    ]
    configs = [
        {"config_name": language, "data_files": [{"split": "test", "path": f"data/{language}.jsonl"}]}
        for language in languages
    ]
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n# Made up\n")
    (folder / "data").mkdir()
    for language in languages:
        (folder / f"data/{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_family_is_asked_offline_from_a_folder_like_the_hubs_repository(tmp_path):
    folder = local_belebele(tmp_path / "belebele")
    family = FAMILIES["belebele"]
    subjects = load_subjects(builtin(BELEBELE), "", folder, "belebele in sw")
    reading = Reading(ids=family.ids, cluster=family.cluster)
    rows = score_items(asked_of(tiny_model("llama", torch.float32), tmp_path), subjects, 0, reading).to_pylist()
    assert [row["item_id"] for row in rows] == ["http://0/1", "http://0/2", "http://1/1"]
    assert [row["cluster"] for row in rows] == ["http://0/1", "http://0/1", "http://1/1"]
    assert [row["answer"] for row in rows] == [0, 1, 2] and rows[0]["chance"] == 0.25


def test_of_such_a_folder_a_language_depends_on_its_own_data_alone(tmp_path):
    folder = local_belebele(tmp_path / "belebele")
    assert task_inputs(None, str(folder), BELEBELE) == [folder / "data/swh_Latn.jsonl"]
    with pytest.raises(TaskError, match="has no configuration tur_Latn; add it"):
        hub_files(folder, "tur_Latn")
    (folder / "data/swh_Latn.jsonl").unlink()
    with pytest.raises(TaskError, match="has no data of swh_Latn; lay it out"):
        hub_files(folder, "swh_Latn")
    with pytest.raises(TaskError, match="there is no folder"):
        hub_files(tmp_path / "nowhere", "swh_Latn")


def test_a_data_set_that_is_not_to_be_had_is_named_with_the_remedy(tmp_path, monkeypatch):
    path = write_task(tmp_path, "own", items(), dataset_path="nobody/nothing", dataset_name="swh", dataset_kwargs=None)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(TaskError, match="own in sw .*nobody/nothing, configuration swh.*evaluation.task_data"):
        load_subjects([path], "", None, "own in sw")


def test_a_task_that_does_not_fit_its_data_is_named(tmp_path):
    path = write_task(tmp_path, "own", items(), test_split="validation")
    with pytest.raises(TaskError, match="own in sw .* does not fit its data.*KeyError.*compare own.yaml"):
        load_subjects([path], "", None, "own in sw")


def test_a_folder_like_a_repository_can_be_the_data_of_a_users_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    local_belebele(tmp_path / "below/json")
    keys = {"dataset_path": "json", "dataset_name": "swh_Latn", "dataset_kwargs": None}
    keys |= {"doc_to_text": "{{question}}", "doc_to_choice": ["a", "b"], "doc_to_target": 0}
    path = write_task(tmp_path / "below", "own", [], **keys)
    data = tmp_path / "below/json/data/swh_Latn.jsonl"
    assert [file.resolve() for file in task_inputs(str(path), None, "")] == [path.resolve(), data.resolve()]
    assert len(scored(tiny_model("llama", torch.float32), tmp_path, path)) == 3


def test_subjects_share_the_items_out(tmp_path):
    paths = [write_task(tmp_path, f"exam_{name}", items(count)) for name, count in (("art", 5), ("law", 5), ("zoo", 1))]
    subjects = load_subjects(paths, "exam_", None, "exam in en")
    rows = score_items(asked_of(tiny_model("llama", torch.float32), tmp_path), subjects, 5, Reading()).to_pylist()
    assert [row["item_id"] for row in rows] == ["art/00000", "art/00001", "law/00000", "law/00001", "zoo/00000"]


def test_what_a_task_of_a_users_depends_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_task(tmp_path / "below", "base", items())
    (tmp_path / "below/helpers.py").write_text("def right(doc):\n    return doc['answer']\n")
    own = tmp_path / "own.yaml"
    own.write_text("include: below/base.yaml\ntask: own\ndoc_to_target: !function below.helpers.right\n")
    data = {"dataset_kwargs": {"data_files": {"test": ["here.jsonl", "below/*.jsonl"]}}}
    own.write_text(own.read_text() + yaml.safe_dump(data))
    (tmp_path / "here.jsonl").write_text("{}\n")
    found = {str(Path(file).resolve().relative_to(tmp_path.resolve())) for file in task_inputs("own.yaml", None, "")}
    assert found == {"own.yaml", "below/helpers.py", "below/base.yaml", "here.jsonl", "below/base.jsonl"}
    assert path.is_file()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no file"),
        ("a: [", "is not YAML"),
        ("- a", "no task of lm-eval: it has no keys"),
        ("include: own.yaml", "includes itself"),
        ("include: nowhere.yaml", "there is no file .*nowhere.yaml"),
        ("group: g\ntask: [a, b]", "no single task of lm-eval"),
        ("task: a\noutput_type: loglikelihood_rolling\ndataset_path: json", "output_type loglikelihood_rolling"),
        ("task: a\noutput_type: multiple_choice", "names no data"),
        (
            "task: a\ndataset_path: json\ndataset_kwargs: {data_files: {test: gone.jsonl}}",
            "there are no data gone.jsonl",
        ),
    ],
)
def test_a_task_file_that_is_none_is_refused_in_a_sentence(text, sentence, tmp_path):
    path = tmp_path / "own.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TaskError, match=sentence):
        task_inputs(str(path), None, "")
