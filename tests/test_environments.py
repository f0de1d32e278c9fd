"""The environment files hold the same pins, all of them installable from the package index; the container is made from them."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
ENVS = ROOT / "envs"


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def test_conda_and_pip_have_the_same_pins():
    *_, listed = yaml.safe_load((ENVS / "polyprune.yaml").read_text())["dependencies"]
    assert pins("\n".join(listed["pip"])) == pins((ENVS / "requirements.txt").read_text())


def test_the_locks_agree_and_name_no_index_and_no_local_build():
    main, *others = ((ENVS / name).read_text() for name in ("requirements.txt", "dev.txt", "slurm.txt"))
    assert pins(main)["torch"] == "2.13.0"
    for other in others:
        both = pins(main).keys() & pins(other).keys()
        assert {name: pins(main)[name] for name in both} == {name: pins(other)[name] for name in both}
    assert pins(others[1]).items() <= pins(main + others[0]).items()
    for text in (main, *others):
        assert "+cpu" not in text and "://" not in text and "find-links" not in text


def test_every_human_written_input_is_locked():
    for source, lock in (("requirements.in", "requirements.txt"), ("dev.in", "dev.txt"), ("slurm.in", "slurm.txt")):
        wanted = re.findall(r"^([a-z][a-z0-9-]*)", (ENVS / source).read_text(), re.MULTILINE)
        assert set(wanted) <= pins((ENVS / lock).read_text()).keys()


def instructions(name: str) -> list[str]:
    """What follows an instruction of the recipe for a container, each time that it stands there."""
    text = (ENVS / "Containerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)", text, re.MULTILINE)


def test_the_container_has_the_python_of_the_project_and_runs_as_no_root():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    (image,) = instructions("FROM")
    assert wanted == ">=3.11,<3.12" and image.startswith("python:3.11-")
    assert "- python=3.11\n" in (ENVS / "polyprune.yaml").read_text()
    assert instructions("USER") == ["polyprune"]


def test_the_container_copies_what_is_there_and_all_that_runs():
    copied = [path for words in instructions("COPY") if "--from" not in words for path in words.split()[:-1]]
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {"Snakefile", "config.yaml", "rules", "workflow_scripts", "envs", "profiles", "studies"} <= set(copied)


def test_the_container_installs_the_lock_and_torch_for_a_device_of_choice():
    (command,) = [words for words in instructions("RUN") if "pip install" in words]
    torch, lock, plugin = command.split("&&")
    assert '"$TORCH_INDEX" "$(grep \'^torch==\' /opt/polyprune/envs/requirements.txt)"' in torch
    assert "-r /opt/polyprune/envs/requirements.txt" in lock
    assert pins(plugin.split()[-1]).items() <= pins((ENVS / "dev.txt").read_text()).items()
