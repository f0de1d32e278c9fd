"""What a study says of its texts before any job: leakage, files that are not read, definitions without use."""

import copy
import unicodedata
from pathlib import Path

import pytest
import yaml

from workflow_scripts.study import StudyError, read_study, remarks

DEFAULT = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8"))


def study_of(folder: Path, calibration: str = "letters", **changes: object) -> dict:
    """English and Swahili from folders of the user's: what is evaluated on is in `letters`."""
    study = copy.deepcopy(DEFAULT)
    study["corpora"] = {name: {"kind": "local", "path": str(folder / name)} for name in ("letters", calibration)}
    study["calibration"] |= {"corpus": calibration, "calibrations": ["en", "sw"], "length": 16} | changes
    study["evaluation"] |= {"corpus": "letters", "languages": ["en", "sw"], "cloze": 0, "documents": 4}
    return study


def texts(language: str, start: int = 0) -> list[str]:
    return [f"Caf\u00e9 {number} {language}. " + f"{language} {number} " * 40 for number in range(start, start + 60)]


def other_way_round(language: str) -> list[str]:
    """The same documents under other numbers, by which they fall into the splits."""
    return texts(language)[::-1]


def write(folder: Path, **documents: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for language, found in documents.items():
        (folder / f"{language}.txt").write_text("\n\n".join(found), encoding="utf-8")


def mistakes(study: dict) -> list[str]:
    try:
        read_study(study, with_texts=True)
    except StudyError as error:
        return str(error).splitlines()
    return []


def test_texts_that_are_apart_are_no_problem(tmp_path):
    write(tmp_path / "letters", en=texts("en"), sw=texts("sw"))
    write(tmp_path / "others", en=texts("en", 100), sw=texts("sw", 100))
    assert mistakes(study_of(tmp_path)) == []
    assert mistakes(study_of(tmp_path, "others")) == []


@pytest.mark.parametrize(
    "change", [str, lambda text: unicodedata.normalize("NFD", text), lambda text: text.replace(" ", "  ")]
)
def test_an_evaluation_text_in_another_corpus_is_refused_with_both_places(tmp_path, change):
    write(tmp_path / "letters", en=texts("en"), sw=texts("sw"))
    write(tmp_path / "others", en=list(map(change, other_way_round("en"))), sw=texts("sw", 100))
    [found] = mistakes(study_of(tmp_path, "others"))
    assert found.startswith("evaluation.corpus: document ")
    assert " of en in corpus letters, which is kept for evaluation, is also a calibration text: document " in found
    assert " of en in corpus others; take it out of one." in found


def test_an_evaluation_text_in_the_corpus_of_a_control_is_refused(tmp_path):
    write(tmp_path / "letters", en=texts("en"), sw=texts("sw"))
    write(tmp_path / "others", en=other_way_round("en"))
    study = study_of(
        tmp_path,
        calibrations=["en", "copy"],
        controls={"copy": {"kind": "corpus", "language": "en", "corpus": "others"}},
    )
    study["corpora"]["others"] = {"kind": "local", "path": str(tmp_path / "others")}
    [found] = mistakes(study)
    assert "of en in corpus others; take it out of one" in found


def test_an_evaluation_text_under_another_language_is_refused(tmp_path):
    write(tmp_path / "letters", en=texts("en"), sw=texts("sw"))
    write(tmp_path / "others", en=texts("en", 100), sw=other_way_round("en"))
    [found] = mistakes(study_of(tmp_path, "others"))
    assert "of sw in corpus others; take it out of one" in found


def test_two_languages_with_the_same_texts_are_refused(tmp_path):
    write(tmp_path / "letters", en=texts("en"), sw=texts("en"))
    assert (
        "evaluation.languages: en and sw have the same texts in corpus letters; put the texts of each in its own file."
        in mistakes(study_of(tmp_path))
    )


def test_files_that_are_not_read_and_definitions_without_use_are_said(tmp_path):
    write(tmp_path / "letters", en=texts("en"), sw=texts("sw"))
    for name in ("notes.docx", "more.pdf", "x.epub", "y.epub", ".hidden.pdf"):
        (tmp_path / "letters" / name).write_text("x")
    study = study_of(
        tmp_path, mixtures={"most": {"en": 3, "sw": 1}}, controls={"noise": {"kind": "random", "language": "en"}}
    )
    files, mixtures, controls = remarks(read_study(study))
    assert files.startswith("corpora.letters: more.pdf, notes.docx, x.epub and 1 more in ")
    assert mixtures == "calibration.mixtures: calibrations does not name most, so that it is not made."
    assert controls == "calibration.controls: calibrations does not name noise, so that it is not made."
    assert list(remarks(read_study(DEFAULT))) == []


def test_cloze_items_in_no_language_of_the_study_are_said(tmp_path):
    write(tmp_path / "letters", aa=texts("aa"), bb=texts("bb"))
    study = study_of(tmp_path, calibrations=["aa", "bb"])
    study["evaluation"] |= {"languages": ["aa", "bb"], "cloze": 10}
    assert list(remarks(read_study(study))) == [
        "evaluation.cloze: no evaluated language has cloze items, so that none are asked."
    ]
