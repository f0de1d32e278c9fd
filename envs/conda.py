"""Write polyprune.yaml, the environment of `snakemake --sdm conda`, from the pins of requirements.txt."""

from pathlib import Path

FOLDER = Path(__file__).parent


def pins() -> list[str]:
    """The pinned packages of requirements.txt."""
    lines = (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith((" ", "#"))]


def environment() -> str:
    """The text of polyprune.yaml: the pins inline, for Snakemake creates the environment from a copy elsewhere."""
    head = "# Made from requirements.txt by `python envs/conda.py`.\nchannels:\n  - conda-forge\ndependencies:\n"
    fixed = "  - python=3.11\n  - pip\n  - pip:\n"
    return head + fixed + "".join(f"      - {pin}\n" for pin in pins())


if __name__ == "__main__":
    (FOLDER / "polyprune.yaml").write_text(environment(), encoding="utf-8")
