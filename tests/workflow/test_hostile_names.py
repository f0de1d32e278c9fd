"""Nothing that stands in a study is a command, a path elsewhere or a secret in a log."""

import pytest

from tests.conftest import save_checkpoint, write_local_corpus
from tests.workflow.project import Project
from workflow_scripts import study

HOSTILE = "a b'\"; touch owned; $(touch owned) `touch owned` & é"
"""What a shell, a page or a path could take amiss, in a name that a folder may have."""
TOKEN = "hf_aSecretThatNobodyMayRead"


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project with 'quotes' $(touch owned)", warm=True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """One checkpoint for all cases."""
    return str(save_checkpoint(tmp_path_factory.mktemp("one") / "checkpoint"))


@pytest.mark.slow
def test_hostile_paths_and_texts_are_words_and_no_token_is_left_behind(project, monkeypatch):
    inputs = project.folder / "inputs" / HOSTILE
    save_checkpoint(inputs / "model")
    write_local_corpus(inputs / "texts", ["aa"])
    project.study["models"] = {"tiny": {"path": f"inputs/{HOSTILE}/model"}}
    project.study["corpora"] = {
        "letters": {
            "kind": "local",
            "path": f"inputs/{HOSTILE}/texts",
            "source": f"{HOSTILE}<b>",
            "licence": "</script>$(touch owned)",
        }
    }
    project.study["calibration"]["calibrations"] = ["aa"]
    project.study["evaluation"]["languages"] = ["aa"]
    project.study["pruning"]["methods"] = ["wanda"]
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    project.snakemake()
    assert not list(project.folder.rglob("owned"))
    assert not list(project.folder.parent.glob("owned"))
    page = (project.folder / "results/reports/tiny/report.html").read_text(encoding="utf-8")
    assert "</script>$(touch" not in page and "<b>" not in page
    for path in (path for path in project.folder.rglob("*") if path.is_file()):
        assert TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "name",
    [
        "../../escape",
        "/etc/passwd",
        "a/b",
        "..",
        ".hidden",
        "a b",
        "a\nb",
        "a\n",
        "$(touch owned)",
        "`touch owned`",
        "a;b",
        "a'b",
        'a"b',
        "a{b}",
        "a*",
        "-rf",
        "dense",
        "none",
        "\u0455w",
        "s\u200bw",
        "ｓｗ",
        "é",
        "",
        "x" * 61,
        True,
    ],
)
@pytest.mark.parametrize(
    "place",
    ["study", "models", "corpora", "calibration.mixtures", "calibration.controls", "calibration.corpus", "languages"],
)
def test_no_name_leads_elsewhere_or_looks_like_another(checkpoint, place, name):
    """Names are parts of paths: a look-alike of another alphabet would be a second folder that reads the same."""
    given = {
        "study": "tiny",
        "models": {"tiny": {"path": checkpoint}},
        "corpora": {"texts": {"kind": "embedded"}},
        "calibration": {"corpus": "texts", "calibrations": ["sw"], "windows": 2, "length": 16, "seeds": [0]},
        "pruning": {"methods": ["wanda"], "patterns": [0.5]},
        "evaluation": {"corpus": "texts", "languages": ["sw"], "documents": 2, "length": 32},
    }
    study.read_study(given)
    if place == "study":
        given["study"] = name
    elif place == "models":
        given["models"] = {name: {"path": checkpoint}}
    elif place == "corpora":
        given["corpora"] = {name: {"kind": "embedded"}, "texts": {"kind": "embedded"}}
    elif place == "calibration.mixtures":
        given["calibration"] |= {"mixtures": {name: {"sw": 1, "de": 2}}, "calibrations": ["sw", name]}
    elif place == "calibration.controls":
        given["calibration"] |= {
            "controls": {name: {"kind": "shuffled", "language": "sw"}},
            "calibrations": ["sw", name],
        }
    elif place == "calibration.corpus":
        given["calibration"]["corpus"] = name
    else:
        given["calibration"]["calibrations"] = given["evaluation"]["languages"] = [name]
    with pytest.raises(study.StudyError) as refused:
        study.read_study(given)
    assert all(line.isprintable() for line in str(refused.value).splitlines())
