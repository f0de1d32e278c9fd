"""How to make a report again: the command, so that it can be pasted, without a machine's folders."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def reproduction(study: Path | None, overrides: Mapping[str, Any], home: str) -> str:
    """The command that makes a report.

    Args:
        study: the study that --configfile names.
        overrides: key -> value, as --config sets them.
        home: polyprune's folder; files elsewhere are called by their last name.
    """
    words = ["snakemake", "--cores", "all"]
    if overrides:
        words += ["--config", *(f"{key}={_spell(_portable(value, home))}" for key, value in overrides.items())]
    if study is not None:
        words += ["--configfile", _portable(os.path.abspath(study), home)]
    return shlex.join(words)


def _portable(value: Any, home: str) -> Any:
    """A value without this machine's folders."""
    if isinstance(value, Mapping):
        return {key: _portable(each, home) for key, each in value.items()}
    if isinstance(value, list):
        return [_portable(each, home) for each in value]
    if not isinstance(value, str) or not value.startswith(("/", "~")):
        return value
    path = os.path.relpath(os.path.expanduser(value), home)
    return os.path.basename(path) if path.startswith("..") else path


def _spell(value: Any) -> str:
    """A value as --config reads it again: lists and mappings are JSON, which is YAML."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
