"""The study: what it spells, and one sentence for what is wrong."""

import copy
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evaluation.task_files import items, write_task
from workflow_scripts.artifacts.paths import cloze_items, cloze_languages
from workflow_scripts.study import EmbeddedCorpus, Study, StudyError, read_study
from workflow_scripts.study.file import index_study, load_study
from workflow_scripts.study.reading import read_file
from workflow_scripts.study.sections import HubCorpus, LocalCorpus, corpus_options
from workflow_scripts.study.values import EMBEDDED_CLOZE

ROOT = Path(__file__).parent.parent
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
# Mistakes of both kinds of methods can be made.
DEFAULT["pruning"]["methods"] = ["sparsegpt", "wanda"]
MODEL, CORPUS = "models.gemma-3-270m", "corpora.embedded"
HUB = {"kind": "hub", "name": "a/b"}


def changed(path: str, value: object) -> dict:
    study = copy.deepcopy(DEFAULT)
    *parents, last = path.split(".")
    place = study
    for key in parents:
        place = place[key]
    place[last] = value
    return study


def mistakes(study: object, with_texts: bool = False) -> list[str]:
    with pytest.raises(StudyError) as raised:
        read_study(study, with_texts=with_texts)
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    "path", [ROOT / "config.yaml", *sorted((ROOT / "studies").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_the_studies_that_come_along_are_valid(path):
    assert isinstance(read_file(path), Study)


def test_the_grid_is_sorted_and_patterns_have_one_spelling():
    study = changed("pruning.patterns", ["2:4", "0.50", 0.3])
    study["calibration"]["calibrations"] = ["sw", "en+sw", "de"]
    study["calibration"]["seeds"] = [2, 0, 1]
    grid = read_study(study).grid()
    assert grid.patterns == ("0.3", "0.5", "2of4")
    assert grid.calibrations == ("de", "en+sw", "sw")
    assert grid.seeds == (0, 1, 2)
    assert grid.sample == "embedded-8x256"
    assert len(list(grid.variants())) == 1 + 3 + 2 * 3 * 3 * 3


def test_mixtures_have_shares():
    study = changed("calibration.mixtures", {"mostly-sw": {"sw": 3, "en": 1}})
    study["calibration"]["calibrations"] = ["mostly-sw", "en+sw", "de"]
    section = read_study(study).calibration
    assert section.mixture("mostly-sw") == {"en": 0.25, "sw": 0.75}
    assert section.mixture("en+sw") == {"en": 0.5, "sw": 0.5}
    assert section.mixture("de") == {"de": 1.0}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        # Names.
        ("study", None, "study: there is nothing here; write a name of at most 60 letters"),
        ("study", 2024, "study: 2024 without quotes is a number; put it in quotes."),
        ("study", ["a"], "study: a list cannot stand here; write a name"),
        ("study", "../x", "study: ../x is not a name; use letters, digits"),
        ("study", "my study", "study: my study is not a name"),
        ("study", "$(touch x)", "study: $(touch x) is not a name"),
        ("study", "a;b", "study: a;b is not a name"),
        ("study", 'a"b', 'study: a"b is not a name'),
        ("study", "a\nb", r"study: 'a\nb' is not a name"),
        ("study", "dеfault", "study: dеfault is not a name"),
        ("study", "dense", "neither none nor dense"),
        ("study", "a" * 300, "study: aaaa"),
        ("models.a/b", {"packaged": "gemma-3-270m"}, "models.a/b: a/b is not a name"),
        ("models.Gemma-3-270m", {"hub": "a/b", "revision": "c"}, "differs from gemma-3-270m in case alone"),
        # Keys.
        ("calibration.lenght", 3, "calibration.lenght: there is no such key; did you mean length?"),
        ("modls", {}, "modls: there is no such key; did you mean models?"),
        ("methods", ["wanda"], "methods: there is no such key here; it belongs at pruning.methods."),
        ("seed", 3, "seed: there is no such key; did you mean calibration.seeds?"),
        ("zzz", 3, "zzz: there is no such key; the keys here are study, models"),
        (f"{MODEL}.packagd", "x", f"{MODEL}.packagd: there is no such key; did you mean packaged?"),
        (f"{CORPUS}.path", "x", f"{CORPUS}.path: there is no such key where kind is embedded; it goes with kind local."),
        # Wrong types.
        ("models", None, "models: there is nothing here; write names of your choice, and below each its keys."),
        ("models", [], "models: there is nothing here"),
        ("models", ["gemma"], "models: a list cannot stand here; write names of your choice"),
        ("models", {}, "models: there is nothing here"),
        (MODEL, None, f"{MODEL}: there is nothing here; write its keys, indented below it."),
        (MODEL, "gemma", f"{MODEL}: gemma cannot stand here; write its keys, indented below it."),
        ("corpora", ["embedded"], "corpora: a list cannot stand here"),
        (CORPUS, "embedded", f"{CORPUS}: embedded cannot stand here"),
        ("compute", "fast", "compute: fast cannot stand here"),
        ("calibration", None, "calibration: there is nothing here"),
        ("calibration.windows", "eight", "calibration.windows: eight is text and no number; write a whole number from 1"),
        ("calibration.windows", "1e3", "calibration.windows: 1000.0 cannot stand here"),
        ("calibration.windows", 8.5, "calibration.windows: 8.5 cannot stand here; write a whole number from 1 up."),
        ("calibration.windows", 0, "calibration.windows: 0 cannot stand here; write a whole number from 1 up."),
        ("calibration.windows", True, "calibration.windows: YAML reads yes, on and true without quotes as True"),
        ("calibration.windows", [8], "calibration.windows: a list cannot stand here"),
        ("calibration.windows", float("inf"), "calibration.windows: inf cannot stand here"),
        ("calibration.length", 3, "calibration.length: 3 cannot stand here; write a whole number from 8 up."),
        ("calibration.sampling", "pakced", "pakced is not known; write one of packed, long; did you mean packed?"),
        ("compute.device", "gpu", "compute.device: gpu is not known; write one of auto, cpu, cuda, mps; did you mean cuda?"),
        ("compute.dtype", "fp16", "did you mean float16?"),
        ("compute.threads", -1, "compute.threads: -1 cannot stand here; write a whole number from 1 up."),
        ("evaluation.documents", None, "evaluation.documents: there is nothing here; write a whole number from 1 up."),
        # Seeds.
        ("calibration.seeds", 3, "calibration.seeds: 3 cannot stand here; write a list, each entry a whole number"),
        ("calibration.seeds", [], "calibration.seeds: there is nothing here; write a list"),
        ("calibration.seeds", [0, 0], "calibration.seeds: 0 is listed twice; keep one."),
        ("calibration.seeds", [-1], "calibration.seeds.0: -1 cannot stand here; write a whole number from 0 up."),
        # Languages and calibrations.
        ("calibration.calibrations", ["en", False], 'calibrations.1: YAML reads no and off without quotes as False; put'),
        ("evaluation.languages", [False], 'evaluation.languages.0: YAML reads no and off without quotes'),
        ("evaluation.languages", [True], "evaluation.languages.0: YAML reads yes, on and true without quotes as True"),
        ("evaluation.languages", ["en_docs"], "evaluation.languages.0: 'en_docs' is not a language; write en."),
        ("evaluation.languages", ["english"], "'english' is not a language; write en."),
        ("evaluation.languages", ["klingon"], "'klingon' is not a language; write an ISO 639 code such as sw or zh-Hant."),
        ("evaluation.languages", "de", "evaluation.languages: de cannot stand here; write a list, each entry a language"),
        ("evaluation.languages", ["de", "de"], "evaluation.languages: de is listed twice"),
        ("evaluation.languages", [None], "evaluation.languages.0: there is nothing here; write a language code"),
        ("evaluation.languages", [["de"]], "evaluation.languages.0: a list cannot stand here"),
        ("evaluation.languages", ["xx"], "evaluation wants xx, which corpus embedded does not have: it has ar, de, en, es, ru, sw, zh"),
        ("evaluation.languages", ["swx"], "evaluation wants swx, which corpus embedded does not have: it has ar, de, en, es, ru, sw, zh; did"),
        ("evaluation.languages", ["de", "en", "deu_Latn"], "evaluation.languages: de and deu_Latn are one language, de; keep one."),
        ("calibration.calibrations", ["en+sw", "eng+swh"], "en+sw and eng+swh are one mixture, en+sw; keep one."),
        ("calibration.calibrations", ["en+eng_Latn"], "en and eng_Latn in en+eng_Latn are one language, en; keep one."),
        ("calibration.mixtures", {"m": {"de": 1, "deu": 2}}, "calibration.mixtures.m: de and deu are one language, de; keep one."),
        ("calibration.mixtures", {"zh_Hans": {"de": 1}}, "mixtures.zh_Hans: this is the code of a language; give the mixture another"),
        ("calibration.calibrations", ["English"], "English is neither a language nor a name from mixtures or controls; write en."),
        ("calibration.calibrations", ["en+xx"], "calibration wants xx, which corpus embedded does not have"),
        ("calibration.calibrations", ["en+"], "'' in en+ is neither a language nor a name from mixtures or controls"),
        ("calibration.calibrations", ["en+en"], "en+en names en twice"),
        ("calibration.calibrations", ["en+sw", "sw+en"], "calibrations.1: sw+en is the same calibration as en+sw; keep one."),
        ("calibration.mixtures", {"m": ["sw"]}, "mixtures.m: a list cannot stand here; write a mapping from a language"),
        ("calibration.mixtures", {"m": {}}, "calibration.mixtures.m: there is nothing here"),
        ("calibration.mixtures", {"m": {"sw": 0}}, "mixtures.m.sw: 0 cannot stand here; write a number above 0, at most a million."),
        ("calibration.mixtures", {"m": {"sw": float("nan")}}, "mixtures.m.sw: nan cannot stand here"),
        ("calibration.mixtures", {"m": {False: 1}}, "mixtures.m.False: YAML reads no and off without quotes as False"),
        ("calibration.mixtures", {"en": {"sw": 1}}, "mixtures.en: this is the code of a language"),
        # Methods and patterns.
        ("pruning.methods", ["wands"], "pruning.methods.0: wands is not known; write one of sparsegpt, wanda; did you mean"),
        ("pruning.methods", ["magnitude"], "pruning.methods.0: magnitude is always computed"),
        ("pruning.methods", "wanda", "pruning.methods: wanda cannot stand here; write a list"),
        ("pruning.patterns", [1.5], "pruning.patterns.0: The ratio 1.5 is outside (0, 1)"),
        ("pruning.patterns", [0], "The ratio 0 is outside (0, 1)"),
        ("pruning.patterns", [1], "The ratio 1 is outside (0, 1)"),
        ("pruning.patterns", [-0.5], "The ratio -0.5 is outside (0, 1)"),
        ("pruning.patterns", [float("nan")], "The ratio nan is outside (0, 1)"),
        ("pruning.patterns", ["50%"], "50% is not a pattern; write the share as a number"),
        ("pruning.patterns", [50], "50 is not a pattern; write 0.5 for 50 %, or N:M in quotes."),
        ("pruning.patterns", [124], 'YAML reads 2:4 without quotes as 124, in minutes; write "2:4" in quotes.'),
        ("pruning.patterns", ["4:2"], "The pattern 4:2 keeps 4 of 2: N:M needs 0 < N < M."),
        ("pruning.patterns", ["half"], "'half' is not a pattern: write a ratio such as 0.5"),
        ("pruning.patterns", [{2: 4}], "pruning.patterns.0: a mapping cannot stand here; write a ratio such as 0.5"),
        ("pruning.patterns", [None], "pruning.patterns.0: there is nothing here; write a ratio"),
        ("pruning.patterns", 0.5, "pruning.patterns: 0.5 cannot stand here; write a list"),
        ("pruning.patterns", [0.5, "0.50"], "pruning.patterns: '0.5' is listed twice"),
        ("pruning.patterns", ["3:5"], "pruning.patterns.0: SparseGPT prunes 128 columns at a time, which the groups of 3:5 do"),
        ("pruning.propagation", "dense", "dense is not known; write sequential."),
        # Models.
        (MODEL, {"packaged": "a", "path": "b"}, "exactly one of packaged, path, gguf and hub, and it names packaged and path"),
        (MODEL, {"packaged": None}, "and it names none"),
        (MODEL, {"packaged": "nope"}, f"{MODEL}.packaged: there is no packaged model nope; there is gemma-3-270m."),
        (MODEL, {"packaged": "gemma-3-270"}, "did you mean gemma-3-270m?"),
        (MODEL, {"hub": "a/b"}, "hub goes with revision"),
        (MODEL, {"hub": "a b", "revision": "main"}, f"{MODEL}.hub: a b is not a name on the hub; write organisation/name."),
        (MODEL, {"hub": "a/b", "revision": 1234567}, "revision: 1234567 without quotes is a number; put it in quotes."),
        (MODEL, {"path": "not/there"}, f"{MODEL}.path: not/there is not there; write the path from the folder you start in"),
        (MODEL, {"path": "~/model"}, "(~ is not your home here)"),
        (MODEL, {"path": ""}, f"{MODEL}.path: there is nothing here; write a path."),
        (MODEL, {"path": "a{b}"}, f"{MODEL}.path: a{{b}} has braces, angle brackets or control characters"),
        (MODEL, {"path": "a\0b"}, "has braces, angle brackets or control characters"),
        (MODEL, {"path": "a<b>"}, "has braces, angle brackets or control characters"),
        (MODEL, {"path": "config.yaml"}, "config.yaml is a file and no directory"),
        (MODEL, {"path": "tests"}, "tests holds no config.json"),
        (MODEL, {"gguf": "config.yaml"}, f"{MODEL}.gguf: config.yaml is no GGUF file"),
        (MODEL, {"gguf": "tests"}, "tests is a directory; name the .gguf file in it"),
        ("models.other", {"packaged": "gemma-3-270m"}, "models.other: this is the same model as gemma-3-270m; keep one"),
        # Corpora.
        (CORPUS, {"kind": "embeded"}, f"{CORPUS}.kind: the kind embeded is not known; write one of embedded, local, hub; did"),
        (CORPUS, {"name": "x"}, f"{CORPUS}: the key kind is missing; write one of embedded, local, hub."),
        (CORPUS, {"kind": ["embedded"]}, "the kind a list is not known"),
        (CORPUS, {"kind": "local", "path": "not/there"}, f"{CORPUS}.path: not/there is not there; name the folder"),
        (CORPUS, {"kind": "local", "path": "config.yaml"}, "config.yaml is a file and no folder"),
        (CORPUS, {"kind": "local", "path": "envs", "evaluation_share": 1.5}, "evaluation_share: 1.5 cannot stand here"),
        (CORPUS, {**HUB, "evaluation_share": "50%"}, "evaluation_share: 50% is text and no number; write a number from 0 to 1"),
        (CORPUS, {**HUB, "evaluation_share": 0}, "corpus embedded keeps no document for evaluation"),
        (CORPUS, {**HUB, "evaluation_share": 1}, "corpus embedded keeps no document for calibration"),
        (CORPUS, {**HUB, "documents": 7}, "8 documents are more than the 7 that corpus embedded takes"),
        (CORPUS, {**HUB, "configurations": {False: "nob"}}, "configurations.False: YAML reads no and off"),
        (CORPUS, {**HUB, "split": ""}, f"{CORPUS}.split: there is nothing here; write text."),
        ("calibration.corpus", "news", "calibration.corpus is news, which corpora does not define; write one of embedded."),
        ("calibration.corpus", "embeded", "which corpora does not define; did you mean embedded?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(path, value, sentence):
    found = mistakes(changed(path, value))
    assert sentence in found[0]
    assert len(found) == 1 or path == CORPUS
    assert all(re.fullmatch(r"[^\n]+[.?]", line) and "Input should" not in line for line in found)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("evaluation.documents", 33, "33 documents a language are wanted, and corpus embedded keeps 32 documents of de"),
        ("calibration.seeds", [0, 64], "seed 64 wants 65 disjoint shares, and corpus embedded has 64 documents of de"),
        ("calibration.windows", 10**5, r"100000 windows of 256 tokens for seeds 0 to 2 need 76800000 tokens of \w+, and corpus embedded has at most \d+ for calibration \(no seed fits\)"),
        ("calibration.length", 2000, r"need 48000 tokens of en, .* \(seeds 0 to 1 may fit\); take fewer or shorter windows"),
    ],
)  # fmt: skip
def test_texts_that_cannot_suffice_are_refused_with_the_numbers(path, value, sentence):
    (found,) = mistakes(changed(path, value), with_texts=True)
    assert re.search(sentence, found)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("de.txt", b"", "de cannot be read: The files of language 'de'"),
        ("de.txt", b"\xff\xfe", "de.txt, line 1 is not UTF-8"),
        ("de.txt", b"One.\n\nTwo.\n", "documents of de"),
        ("de.jsonl", b'{"text": 1}\n', "'text' of type int"),
        ("de.jsonl", b'{"body": "x"}\n', "has no text column 'text', only body"),
        ("de.jsonl", b"{", "de.jsonl, line 1 is not JSON"),
        ("de.parquet", b"PAR", "is damaged or not a Parquet file"),
    ],
)
def test_texts_that_cannot_be_read_are_refused_with_the_file(tmp_path, name, content, sentence):
    for language in ("en", "sw"):
        (tmp_path / f"{language}.txt").write_text(
            "\n\n".join(f"Text {number} in {language}." + "x" * 9000 for number in range(90))
        )
    (tmp_path / name).write_bytes(content)
    found = mistakes(changed(CORPUS, {"kind": "local", "path": str(tmp_path)}), with_texts=True)
    assert sentence in found[0]


def test_source_and_licence_are_for_the_report_and_no_part_of_what_the_texts_are(tmp_path):
    said = {"source": "a crawl", "licence": "ODC-BY-1.0"}
    local, hub = LocalCorpus(kind="local", path="texts", **said), HubCorpus(kind="hub", name="some/crawl", **said)
    for corpus in (local, hub):
        assert corpus.stated == said | {"machine_written": False}
        assert not {"source", "licence"} & set(vars(corpus_options(corpus)))
    assert HubCorpus(kind="hub", name="some/crawl").stated["source"] == "some/crawl"
    (tmp_path / "repository").mkdir()
    assert HubCorpus(kind="hub", name=str(tmp_path / "repository")).stated["source"] == "repository"
    embedded = EmbeddedCorpus(kind="embedded").stated
    assert embedded == {"source": "polyprune embedded corpus", "licence": "CC-BY-4.0", "machine_written": True}


def test_a_text_whose_name_snakemake_cannot_take_is_refused(tmp_path):
    for language in ("de", "en", "sw"):
        (tmp_path / language).mkdir()
        for number in range(90):
            (tmp_path / language / f"{number}.txt").write_text(f"Text {number}." + "x" * 9000)
    study = changed(CORPUS, {"kind": "local", "path": str(tmp_path)})
    read_study(study)
    (tmp_path / "sw" / "a<b>{c}.txt").write_text("Text.")
    (found,) = mistakes(study)
    assert found.startswith(f"{CORPUS}.path: ") and "the file a<b>{c}.txt in it has braces, angle brackets" in found


def test_content_is_matched_on_a_parallel_corpus_alone(tmp_path):
    for language in ("de", "en", "sw"):
        rows = [{"doc_id": f"{'x' if language == 'sw' else 'd'}{n:02d}", "text": f"{language} {n}"} for n in range(60)]
        (tmp_path / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = changed(CORPUS, {"kind": "local", "path": str(tmp_path)})
    del study["calibration"]["windows"]
    study["calibration"]["documents"] = 2
    (found,) = mistakes(study, with_texts=True)
    assert re.search(r"not parallel: where de has document d\d\d, sw has x\d\d; give windows instead", found)
    study["calibration"]["calibrations"] = ["de", "en"]
    read_study(study, with_texts=True)


def test_languages_are_understood_in_every_spelling_and_called_by_one_name():
    study = changed("evaluation.languages", ["deu_Latn", "EN", "zho_Hans"])
    study["calibration"]["mixtures"] = {"mix": {"swh": 1, "de-DE": 1}}
    study["calibration"]["calibrations"] = ["swh_Latn", "mix", "en_US+zh_CN"]
    study["evaluation"]["cloze"] = 10
    found = read_study(study)
    assert found.evaluation.languages == ["de", "en", "zh"] == found.evaluation.cloze_languages()
    assert found.calibration.calibrations == ["sw", "mix", "en+zh"]
    assert found.calibration.mixture("mix") == {"de": 0.5, "sw": 0.5}
    assert [found.calibration.kind(name) for name in found.calibration.calibrations] == [
        "language",
        "mixture",
        "mixture",
    ]


@pytest.mark.parametrize("written", ["pt_BR", "por_Latn", "pt-br"])
@pytest.mark.parametrize("file", ["pt.txt", "pt_BR.txt", "por_Latn.txt"])
def test_a_file_is_found_however_it_and_the_study_spell_its_language(tmp_path, file, written):
    (tmp_path / file).write_text("\n\n".join(f"Texto {number}." for number in range(40)))
    study = changed(CORPUS, {"kind": "local", "path": str(tmp_path)})
    study["evaluation"] = {**study["evaluation"], "languages": [written]}
    study["calibration"] = {**study["calibration"], "calibrations": [written], "windows": 1, "length": 8, "seeds": [0]}
    assert read_study(study, with_texts=True).evaluation.languages == ["pt"]


def test_a_code_that_no_language_has_is_refused_where_only_the_hub_knows():
    study = changed(CORPUS, HUB)
    study["evaluation"]["languages"] = ["de", "jp", "qq"]
    japanese, unknown = mistakes(study)
    assert japanese == "evaluation.languages: jp is the code of no language; write ja."
    assert "map it below corpora.embedded.configurations" in unknown
    study["corpora"]["embedded"] = {**HUB, "configurations": {"jp": "ja", "qq": "qaa"}}
    read_study(study)


def test_aliases_of_aliases_are_refused_and_not_followed_for_ever(tmp_path):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in pairwise("abcdefghi")]
    (tmp_path / "study.yaml").write_text("\n".join(lines))
    with pytest.raises(StudyError, match="i: there is no such key"):
        read_file(tmp_path / "study.yaml")


def test_all_mistakes_are_shown_at_once():
    study = changed(MODEL, {"path": "nope"})
    study["calibration"]["windos"] = study["calibration"].pop("windows")
    study["pruning"]["methods"] = ["wnada"]
    study["evaluation"]["languages"] = ["de", "german", "deutsch"]
    study["compute"]["device"] = "gpu"
    places = [line.partition(": ")[0] for line in mistakes(study)]
    assert places == [
        "calibration.windos",
        "pruning.methods.0",
        "evaluation.languages.1",
        "evaluation.languages.2",
        "compute.device",
        f"{MODEL}.path",
    ]


def test_a_mixture_that_leaves_a_language_without_a_window_is_refused():
    study = changed("calibration.mixtures", {"skewed": {"en": 1, "sw": 99}})
    study["calibration"]["calibrations"] = ["skewed"]
    (found,) = mistakes(study)
    assert "en would get none; take 50 windows" in found


def test_two_corpora_of_the_same_texts_are_refused(tmp_path):
    for language in ("de", "en", "sw"):
        (tmp_path / f"{language}.txt").write_text("One.\n\nTwo.\n")
    study = changed("corpora.train", {"kind": "local", "path": str(tmp_path), "evaluation_share": 0})
    study["corpora"]["test"] = {"kind": "local", "path": f"{tmp_path}/.", "evaluation_share": 1}
    study["calibration"]["corpus"] = "train"
    read_study(study)
    study["evaluation"]["corpus"] = "test"
    (found,) = mistakes(study)
    assert "corpora train and test read the same texts" in found


def test_a_hub_corpus_of_a_control_or_matched_on_content_must_hold_enough_documents():
    study = changed("calibration.controls", {"web": {"kind": "corpus", "language": "sw", "corpus": "web"}})
    study["corpora"]["web"] = {**HUB, "documents": 4}
    study["calibration"] |= {"calibrations": ["sw", "web"], "seeds": [0, 3]}
    assert read_study(study)
    study["calibration"]["documents"] = 2
    del study["calibration"]["windows"]
    (found,) = mistakes(study)
    assert "seeds 0 to 3 want 8 documents at least, and corpus web takes 4; take lower seeds or fewer" in found


def test_two_splits_of_a_hub_data_set_are_different_texts():
    study = changed(
        "corpora", {"train": {**HUB, "evaluation_share": 0}, "test": {**HUB, "split": "test", "evaluation_share": 1}}
    )
    study["calibration"]["corpus"], study["evaluation"]["corpus"] = "train", "test"
    assert read_study(study)
    study["corpora"]["test"]["split"] = "train"
    (found,) = mistakes(study)
    assert "corpora train and test read the same texts" in found


def test_a_missing_key_is_named_with_what_it_takes():
    study = copy.deepcopy(DEFAULT)
    del study["calibration"]["length"]
    (found,) = mistakes(study)
    assert found == "calibration.length: this key is missing; write a whole number from 8 up, as config.yaml does."


@pytest.mark.parametrize("study", [None, [], "text", 3])
def test_what_is_no_mapping_is_no_study(study):
    (found,) = mistakes(study)
    assert "is no study; write keys as config.yaml does" in found


def test_a_mistake_is_shown_with_file_and_line(tmp_path):
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("windows: 8", "windos: 8"))
    line = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if "windos" in line)
    with pytest.raises(StudyError, match=rf"^mine.yaml, line {line}: calibration.windos: there is no such key"):
        read_file(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\na: 2\n", "a: this key is written twice, on lines 1 and 2; keep one, or rename the other."),
        ("models:\n  x: {path: a}\n  x: {path: b}\n", "models.x: this key is written twice, on lines 2 and 3"),
        ("m: {x: 1, x: 2}\n", "m.x: this key is written twice, on one line"),
        ('{"a": 1, "a": 2}', "a: this key is written twice"),
        ("m:\n- {no: 1, off: 2}\n", "m.0.False: this key is written twice"),
    ],
)
def test_a_key_that_is_written_twice_is_refused(tmp_path, text, sentence):
    path = tmp_path / "twice.yaml"
    path.write_text(text)
    (problem,) = index_study(path).problems()
    assert sentence in str(problem)


@pytest.mark.parametrize("text", ["a: {x: 1}\nb: {x: 1}\n", "a: &a {x: 1}\nb: {<<: *a, y: 2}\n", "- 1\n- 1\n"])
def test_equal_keys_in_different_places_are_none_twice(tmp_path, text):
    path = tmp_path / "once.yaml"
    path.write_text(text)
    assert list(index_study(path).problems()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a:\n\tb: 1\n", r"line 2: this is not YAML .*: indent with spaces, not with tabs"),
        (b"a: [1\nb: 2\n", r"line 2: this is not YAML"),
        (b"\xff", "is not UTF-8"),
        (b"a: '\x00'", "this is not YAML"),
        (b"a: 2024-13-45", "this is not YAML"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_with_the_line(tmp_path, content, sentence):
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    assert index_study(path).lines == {} or b"2024" in content
    with pytest.raises(StudyError, match=sentence) as raised:
        read_file(path)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("path", ["nowhere.yaml", "."])
def test_a_file_that_is_not_there_is_refused(path):
    with pytest.raises(StudyError, match=r"is not there|cannot be read"):
        load_study(Path(path))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.binary(max_size=4),
    st.sampled_from(["de", "en+sw", "wanda", "2:4", "local", "hub", "embedded", "config.yaml", ".", "a\0", "\ud800"]),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(sorted({*DEFAULT, *(key for section in DEFAULT.values() if isinstance(section, dict) for key in section)}
                           | {"path", "gguf", "hub", "kind", "name", "mixtures"})),
    st.text(max_size=4), st.integers(), st.booleans(), st.none(), st.floats(),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
PLACES = [
    (section, key) for section, keys in DEFAULT.items() if isinstance(keys, dict) for key in [None, *keys]
]  # fmt: skip


@given(place=st.sampled_from(PLACES), key=KEYS, value=VALUES, whole=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_in_a_study_it_is_read_or_refused(place, key, value, whole):
    section, inner = place
    study = copy.deepcopy(DEFAULT)
    if whole:
        study[section if inner else key] = value
    else:
        study[section][inner or key] = value
    try:
        assert isinstance(read_study(study, with_texts=True), Study)
    except StudyError as error:
        assert "Input should" not in str(error)
        assert str(error).isprintable() or all(line.isprintable() for line in str(error).split("\n"))


CONTROLS = {
    "noise": {"kind": "random", "language": "en"},
    "sw-shuffled": {"kind": "shuffled", "language": "sw"},
    "sw-generated": {"kind": "generated", "language": "sw"},
    "sw-stories": {"kind": "register", "language": "sw", "register": "narrative"},
}


def with_controls(**changes: dict) -> dict:
    study = changed("calibration.controls", CONTROLS | changes)
    study["calibration"]["calibrations"] = ["en", "sw", "en+sw", *CONTROLS]
    return study


def test_controls_are_calibrations_of_their_own_kind():
    study = read_study(with_controls())
    section = study.calibration
    assert {name: section.kind(name) for name in section.calibrations} == {
        "en": "language",
        "sw": "language",
        "en+sw": "mixture",
        **dict.fromkeys(CONTROLS, "control"),
    }
    assert [section.controls[name].tokens for name in CONTROLS] == [
        "en~random",
        "sw~shuffled",
        "sw~generated",
        "sw~register-narrative",
    ]
    assert study.calibration_languages() == {"embedded": ["en", "sw"]}
    grid = study.grid()
    assert {grid.name(calibration): calibration for calibration in grid.calibrations} == {
        "en": "en",
        "sw": "sw",
        "en+sw": "en+sw",
        "noise": "en~random",
        "sw-shuffled": "sw~shuffled",
        "sw-generated": "sw~generated",
        "sw-stories": "sw~register-narrative",
    }
    assert [section.name_of(calibration) for calibration in grid.calibrations] == list(grid.names)


def test_a_mixture_is_spelled_by_its_shares_in_paths():
    study = changed("calibration.mixtures", {"much-sw": {"sw": 0.75, "en": 0.25}, "more-sw": {"sw": 2, "en": 1}})
    study["calibration"]["calibrations"] = ["en", "much-sw", "more-sw"]
    assert read_study(study).grid().calibrations == ("en", "en+2sw", "en+3sw")
    study["calibration"]["mixtures"]["more-sw"] = {"sw": 6, "en": 2}
    assert "more-sw is the same calibration as much-sw; keep one" in mistakes(study)[0]


def test_a_control_under_two_names_is_refused():
    study = with_controls(again=CONTROLS["noise"])
    study["calibration"]["calibrations"].append("again")
    assert "again is the same calibration as noise; keep one" in mistakes(study)[0]


def test_seeds_that_a_register_has_too_few_documents_for_are_refused_before_any_job():
    study = with_controls()
    study["calibration"] |= {"seeds": [0, 40], "windows": 1}
    study["calibration"]["calibrations"] = ["sw", "sw-stories"]
    (found,) = mistakes(study, with_texts=True)
    assert "seed 40 wants 41 disjoint shares, and corpus embedded has 22 documents of sw, register narrative," in found


@pytest.mark.parametrize(
    ("name", "control", "sentence"),
    [
        ("noise", {"kind": "random"}, "calibration.controls.noise.language: this key is missing"),
        ("en+sw", {"kind": "random", "language": "en"}, "en+sw is not a name"),
        ("de", {"kind": "random", "language": "en"}, "this is the code of a language; give the control another name"),
        ("noise", {"kind": "nois", "language": "en"}, "nois is not known; write one of random, shuffled"),
        ("noise", {"kind": "register", "language": "en"}, "kind register needs the key register"),
        ("noise", {"kind": "random", "language": "en", "register": "x"}, "has no use for the key register"),
        ("noise", {"kind": "corpus", "language": "en", "corpus": "news"}, "news, which corpora does not define"),
        (
            "noise",
            {"kind": "corpus", "language": "en", "corpus": "embedded"},
            "from embedded already; name another corpus",
        ),
        ("noise", {"kind": "shuffled", "language": "xx"}, "calibration wants xx, which corpus embedded does not have"),
    ],
)
def test_a_control_that_cannot_be_made_is_refused(name, control, sentence):
    (found,) = mistakes(with_controls(**{name: control}))
    assert sentence in found


def test_a_register_that_no_text_has_is_refused_before_any_job():
    wrong = {"kind": "register", "language": "sw", "register": "narative"}
    (found,) = mistakes(with_controls(**{"sw-stories": wrong}), with_texts=True)
    assert (
        "no calibration document of sw in corpus embedded has the register narative; did you mean narrative?" in found
    )


def test_calibrations_are_matched_on_tokens_or_on_content():
    study = changed("calibration.documents", 16)
    assert "it takes either windows, to match calibrations on tokens, or documents" in mistakes(study)[0]
    del study["calibration"]["windows"]
    assert read_study(study).grid().sample == "embedded-16docsx256"
    study["calibration"]["sampling"] = "long"
    assert "documents go with sampling packed" in mistakes(study)[0]


def test_cloze_items_are_scored_in_the_languages_that_have_them():
    study = read_study(changed("evaluation.cloze", 10))
    assert study.grid().cloze_languages == tuple(sorted({"de", "en", "sw"} & set(cloze_languages())))
    assert read_study(changed("evaluation.cloze", 0)).grid().cloze_languages == ()
    for language in cloze_languages():
        assert len(cloze_items(language).read_text(encoding="utf-8").splitlines()) == EMBEDDED_CLOZE


def with_tasks(**keys):
    study = copy.deepcopy(DEFAULT)
    study["evaluation"] |= keys
    return study


def test_tasks_are_asked_in_the_languages_that_have_them(tmp_path):
    path = write_task(tmp_path, "own", items())
    given = {"tasks": ["xstorycloze", "own", "xnli"], "task_files": {"own": {"sw": str(path), "fr": str(path)}}}
    evaluation = read_study(with_tasks(**given)).evaluation
    assert evaluation.task_sets() == {
        ("xnli",): ["de"],
        ("xnli", "xstorycloze"): ["en"],
        ("own", "xnli", "xstorycloze"): ["sw"],
    }
    assert read_study(DEFAULT).evaluation.task_sets() == {}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            {"tasks": ["belebel"]},
            "evaluation.tasks.0: there is no family of tasks belebel, and task_files has none; did you",
        ),
        (
            {"tasks": ["zzz"]},
            "evaluation.tasks.0: there is no family of tasks zzz, and task_files has none; there is arc,",
        ),
        ({"tasks": ["xnli", "xnli"]}, "xnli is listed twice; keep one"),
        ({"tasks": ["cloze"]}, "cloze items have a key of their own, evaluation.cloze"),
        (
            {"tasks": ["xcopa"], "languages": ["de", "en"]},
            "evaluation.tasks.0: xcopa has none of the study's languages",
        ),
        ({"task_files": {"own": {"sw": "x.yaml"}}}, "evaluation.task_files.own: evaluation.tasks does not name it"),
        (
            {"tasks": ["own"], "task_files": {"own": {"sw": "x.yaml"}}},
            "evaluation.task_files.own.sw: there is no file x.yaml",
        ),
        (
            {"tasks": ["xnli"], "task_files": {"xnli": {"sw": "x.yaml"}}},
            "evaluation.task_files.xnli: a family of tasks has this name; rename yours",
        ),
        ({"task_data": {"xnl": "x"}}, "evaluation.task_data.xnl: there is no family of tasks xnl; did you mean xnli?"),
        ({"task_data": {"xnli": "x"}}, "evaluation.task_data.xnli: evaluation.tasks does not name it"),
        (
            {"tasks": ["xnli"], "task_data": {"xnli": "x"}},
            "evaluation.task_data.xnli: there is no folder x; name one laid",
        ),
        ({"tasks": ["xnli"], "task_items": -1}, "-1 cannot stand here; write a whole number from 0 up"),
        ({"tasks": "xnli"}, "write a list, each entry a family of tasks, or a name of task_files"),
    ],
)
def test_tasks_that_cannot_be_asked_are_refused_before_any_job(keys, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any(sentence in found for found in mistakes(with_tasks(**keys))), mistakes(with_tasks(**keys))


MKQA = {"hub": "apple/mkqa", "revision": "refs/convert/parquet"}


def ask_file(path: Path, languages: list[str], lines: int = 3) -> Path:
    rows = [
        {"example_id": n, "queries": dict.fromkeys(languages, "q"), "answers": {key: [GOLD] for key in languages}}
        for n in range(lines)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


GOLD = {"type": "entity", "text": "a", "aliases": []}


def test_questions_are_asked_in_the_evaluated_languages_that_they_are_in(tmp_path):
    assert read_study(DEFAULT).evaluation.question_languages() == []
    study = read_study(changed("evaluation.questions", MKQA))
    assert study.evaluation.question_languages() == ["de", "en"]
    assert study.evaluation.questions.sample == "mkqa-100x16"
    path = ask_file(tmp_path / "own.jsonl", ["sw", "fr"])
    own = {"path": str(path), "name": "own", "items": 3, "tokens": 4, "answerable": False}
    study = read_study(changed("evaluation.questions", own))
    assert study.evaluation.question_languages() == ["sw"]
    assert study.evaluation.questions.sample == "own-3allx4"
    assert study.grid() == read_study(DEFAULT).grid()


def test_prompts_are_continued_in_all_evaluated_languages():
    assert read_study(DEFAULT).evaluation.continuation_languages() == []
    study = read_study(changed("evaluation.continuations", {"tokens": 20}))
    assert study.evaluation.continuation_languages() == ["de", "en", "sw"]
    assert study.evaluation.continuation_sample == "embedded-8x16-20"


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("questions", {}, "questions come from exactly one of hub and path, and it names none; keep one"),
        ("questions", MKQA | {"path": "q.jsonl"}, "exactly one of hub and path, and it names both"),
        ("questions", {"hub": "apple/mkqa"}, "hub and revision go together"),
        ("questions", {"path": "nowhere.jsonl"}, "nowhere.jsonl cannot be read (No such file or directory)"),
        ("questions", {"path": "questions.txt"}, "questions.txt is neither .jsonl nor .jsonl.gz"),
        ("questions", MKQA | {"prompts": {"de": "Frage"}}, "Frage has no place for the question; write {question}"),
        ("questions", MKQA | {"prompts": {"fr": "{question}"}}, "fr is not evaluated; remove this prompt"),
        ("questions", MKQA | {"items": 0}, "evaluation.questions.items"),
        ("continuations", {"prompts": 10_000}, "10000 prompts are more than the"),
        ("continuations", {"tokens": -1}, "evaluation.continuations.tokens"),
    ],
)
def test_what_is_wrong_with_questions_and_continuations_is_said_in_a_sentence(key, value, sentence):
    [found] = mistakes(changed(f"evaluation.{key}", value))
    assert sentence in found


def test_files_of_questions_are_read_before_any_job(tmp_path):
    foreign = ask_file(tmp_path / "foreign.jsonl", ["fr", "it"])
    [found] = mistakes(changed("evaluation.questions", {"path": str(foreign)}))
    assert "the questions are in no evaluated language: they are in fr, it" in found
    few = ask_file(tmp_path / "few.jsonl", ["sw"])
    [found] = mistakes(changed("evaluation.questions", {"path": str(few)}), with_texts=True)
    assert "There are 3 questions with a short answer in sw, fewer than the 100" in found
    few.write_text("{\n")
    [found] = mistakes(changed("evaluation.questions", {"path": str(few)}))
    assert "few.jsonl, line 1 is not JSON" in found
    few.write_text(ask_file(tmp_path / "more.jsonl", ["sw"]).read_text() + "[]\n")
    [found] = mistakes(changed("evaluation.questions", {"path": str(few), "items": 4}), with_texts=True)
    assert "few.jsonl, line 4 has no example_id" in found


def test_what_is_inside_is_looked_at_in_all_evaluated_languages():
    assert read_study(DEFAULT).evaluation.representation_sample == ""
    study = read_study(changed("evaluation.representations", {}))
    assert study.evaluation.representation_sample == "embedded-8" and study.evaluation.activation_sample == ""
    study = read_study(changed("evaluation.activations", {"tokens": 600}))
    assert study.evaluation.activation_sample == "embedded-600x512"
    assert study.grid() == read_study(DEFAULT).grid()


@pytest.mark.parametrize("key", ["representations", "activations"])
def test_one_language_has_nothing_to_be_told_from(key):
    one = changed("evaluation.languages", ["de"])
    one["evaluation"][key] = {}
    [found] = mistakes(one)
    assert f"evaluation.{key}" in found and "one language is evaluated; add a language" in found


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("representations", {"documents": 0}, "evaluation.representations.documents"),
        ("representations", {"documents": 10_000}, "fewer than the 10000 of evaluation.representations.documents"),
        ("activations", {"tokens": 1}, "evaluation.activations.tokens"),
        ("activations", {"token": 10}, "did you mean tokens"),
    ],
)
def test_what_is_wrong_with_what_is_inside_is_said_in_a_sentence(key, value, sentence):
    [found] = mistakes(changed(f"evaluation.{key}", value), with_texts=True)
    assert sentence in found
