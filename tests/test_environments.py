"""The environment files hold the same pins, all of them installable from the package index."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parent.parent / "envs"


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
