"""Code that comes with a model: it runs only where the study names the model and says so, and the model's record keeps that."""

import json
from pathlib import Path

KEY = "trust_remote_code"


def is_trusted(directory: Path) -> bool:
    """Whether the record beside a checkpoint says that the model's own code may run; no where there is no record."""
    record = directory / "provenance.json"
    return record.is_file() and json.loads(record.read_text(encoding="utf-8"))["source"].get(KEY) is True
