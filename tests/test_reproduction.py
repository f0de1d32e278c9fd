"""The command that makes a report again."""

import shlex
from pathlib import Path

import pytest
from snakemake.cli import parse_config

from workflow_scripts.wiring.reproduction import reproduction


def test_the_default_study_needs_no_more():
    assert reproduction(None, {}, "/home") == "snakemake --cores all"


def test_a_study_is_called_without_this_machines_folders_and_quoted():
    assert reproduction(Path("/home/studies/a.yaml"), {}, "/home").endswith(" --configfile studies/a.yaml")
    assert reproduction(Path("/elsewhere/my study.yaml"), {}, "/home").endswith(" --configfile 'my study.yaml'")


@pytest.mark.parametrize(
    "words",
    [
        ["study=it's mine"],
        ["study=a b", 'pruning={patterns: ["2:4", 0.5], methods: [wanda]}', "keep={dense: false}", "empty="],
        ["evaluation={languages: [de, zh_Hant]}", "number=3", "share=0.25", "flag=true", "accents=caf\u00e9 $HOME `x`"],
    ],
)
def test_what_config_sets_is_said_so_that_it_can_be_pasted(words):
    told = parse_config(words)
    command = shlex.split(reproduction(Path("/home/a.yaml"), told, "/home"))
    start, end = command.index("--config"), command.index("--configfile")
    assert parse_config(command[start + 1 : end]) == told


def test_paths_that_config_sets_lose_this_machines_folders():
    command = reproduction(None, parse_config(["corpora={news: {kind: local, path: /data/of/me/news}}"]), "/home")
    assert "/data" not in command and '"path": "news"' in command
