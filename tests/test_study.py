"""The study: what it spells, and one sentence for what is wrong."""

import copy
from pathlib import Path

import pytest
import yaml

from workflow_scripts.corpora.sources import embedded
from workflow_scripts.paths import cloze_items, cloze_languages
from workflow_scripts.pruning.methods import get_method
from workflow_scripts.study import CHANGES_WEIGHTS, EMBEDDED_CLOZE, EMBEDDED_EVALUATION, Study, StudyError, read_study

ROOT = Path(__file__).parent.parent
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def changed(path: str, value: object) -> dict:
    study = copy.deepcopy(DEFAULT)
    *parents, last = path.split(".")
    place = study
    for key in parents:
        place = place[key]
    place[last] = value
    return study


@pytest.mark.parametrize(
    "path", [ROOT / "config.yaml", *sorted((ROOT / "studies").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_the_studies_that_come_along_are_valid(path):
    assert isinstance(read_study(yaml.safe_load(path.read_text(encoding="utf-8"))), Study)


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
        ("calibration.lenght", 3, r"calibration\.lenght: there is no such key; did you mean length\?"),
        ("study", "../x", r"study: '\.\./x' is not a name"),
        ("pruning.patterns", [1.5], r"pruning\.patterns\.0: The ratio 1\.5 is outside \(0, 1\)"),
        ("pruning.patterns", ["4:2"], "N:M needs 0 < N < M"),
        ("pruning.patterns", ["half"], "'half' is not a pattern"),
        ("pruning.patterns", [0.5, "0.50"], "0.5 is listed twice"),
        ("pruning.methods", ["wands"], r"pruning\.methods\.0: Input should be .*'wanda'"),
        ("calibration.seeds", [0, 0], "0 is listed twice"),
        ("calibration.seeds", [-1], r"calibration\.seeds\.0"),
        ("calibration.windows", 0, r"calibration\.windows"),
        ("calibration.calibrations", ["en", False], "Norwegian"),
        ("evaluation.languages", [False], "Norwegian"),
        ("evaluation.languages", ["english"], "'english' is not a language"),
        ("evaluation.languages", ["xx"], "evaluation wants xx, which corpus embedded does not have: it has ar, de, en"),
        ("calibration.calibrations", ["en+xx"], "calibration wants xx"),
        ("calibration.corpus", "news", "calibration.corpus is news, which corpora does not define"),
        ("models.gemma-3-270m", {"packaged": "a", "path": "b"}, "name exactly one of"),
        ("models.gemma-3-270m", {"hub": "a/b"}, "revision goes with hub"),
        ("models.gemma-3-270m", {"path": "not/there"}, "not/there is not there"),
        ("corpora.embedded", {"kind": "local", "path": "not/there"}, "not/there"),
        ("corpora.embedded", {"kind": "web"}, r"corpora\.embedded\.kind: .*embedded, local, hub"),
        ("models.gemma-3-270m", {"packaged": "nope"}, "no packaged model nope: there is gemma-3-270m"),
        ("pruning.patterns", [124], 'put N:M in quotes: "2:4"'),
        ("pruning.patterns", ["3:5"], "the groups of 3of5 do not divide"),
        ("pruning.methods", ["magnitude"], "magnitude is always computed"),
        ("evaluation.documents", 33, "keeps 32 documents"),
        ("compute.device", "gpu", r"compute\.device: .*'cuda'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(path, value, sentence):
    with pytest.raises(StudyError, match=sentence) as raised:
        read_study(changed(path, value))
    assert len(str(raised.value).splitlines()) == 1


def test_a_mixture_that_leaves_a_language_without_a_window_is_refused():
    study = changed("calibration.mixtures", {"skewed": {"en": 1, "sw": 99}})
    study["calibration"]["calibrations"] = ["skewed"]
    with pytest.raises(StudyError, match="en would get none; take 50 windows"):
        read_study(study)


def test_what_is_known_without_torch_is_what_the_modules_say():
    for name, changes_weights in CHANGES_WEIGHTS.items():
        assert changes_weights == get_method(name).CHANGES_WEIGHTS
    for language in embedded.languages(embedded.Options()):
        documents = embedded.read(language, embedded.Options())
        assert sum(document.split == "evaluation" for document in documents) == EMBEDDED_EVALUATION


def test_two_corpora_of_the_same_texts_are_refused(tmp_path):
    for language in ("de", "en", "sw"):
        (tmp_path / f"{language}.txt").write_text("One.\n\nTwo.\n")
    study = changed("corpora.train", {"kind": "local", "path": str(tmp_path), "evaluation_share": 0})
    study["corpora"]["test"] = {"kind": "local", "path": f"{tmp_path}/.", "evaluation_share": 1}
    study["calibration"]["corpus"] = "train"
    read_study(study)
    study["evaluation"]["corpus"] = "test"
    with pytest.raises(StudyError, match="corpora train and test read the same texts"):
        read_study(study)


def test_a_missing_key_is_named():
    study = copy.deepcopy(DEFAULT)
    del study["calibration"]["length"]
    with pytest.raises(StudyError, match=r"calibration\.length: this key is missing"):
        read_study(study)
    del study["calibration"]["windows"]
    study["calibration"]["length"] = 64
    with pytest.raises(StudyError, match="give either windows .* or documents"):
        read_study(study)


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
    assert "sw-stories" in study.grid().calibrations


@pytest.mark.parametrize(
    ("name", "control", "sentence"),
    [
        ("noise", {"kind": "random"}, r"calibration\.controls\.noise\.language: this key is missing"),
        ("noise", {"kind": "register", "language": "en"}, "kind register needs the key register"),
        ("noise", {"kind": "random", "language": "en", "register": "x"}, "has no use for the key register"),
        ("noise", {"kind": "corpus", "language": "en", "corpus": "news"}, "news, which corpora does not define"),
        ("noise", {"kind": "shuffled", "language": "xx"}, "wants xx, which corpus embedded does not have"),
    ],
)
def test_a_control_that_cannot_be_made_is_refused(name, control, sentence):
    with pytest.raises(StudyError, match=sentence) as raised:
        read_study(with_controls(**{name: control}))
    assert len(str(raised.value).splitlines()) == 1


def test_calibrations_are_matched_on_tokens_or_on_content():
    study = changed("calibration.documents", 16)
    with pytest.raises(StudyError, match="give either windows"):
        read_study(study)
    del study["calibration"]["windows"]
    assert read_study(study).grid().sample == "embedded-16docsx256"
    study["calibration"]["sampling"] = "long"
    with pytest.raises(StudyError, match="documents go with sampling packed"):
        read_study(study)


def test_cloze_items_are_scored_in_the_languages_that_have_them():
    study = read_study(changed("evaluation.cloze", 10))
    assert study.grid().cloze_languages == tuple(sorted({"de", "en", "sw"} & set(cloze_languages())))
    assert read_study(changed("evaluation.cloze", 0)).grid().cloze_languages == ()
    for language in cloze_languages():
        assert len(cloze_items(language).read_text(encoding="utf-8").splitlines()) == EMBEDDED_CLOZE
