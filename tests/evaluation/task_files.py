"""Task files of a user's, for tests: YAML of lm-eval's form with a few items."""

import json
from pathlib import Path

import yaml

WORDS = ("abc", "dea", "fgh", "ijk", "lmn", "opq")
CHOICE = {
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "{{answer}}",
    "metric_list": [
        {"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ("acc", "acc_norm")
    ],
    "metadata": {"version": 1.0},
}


def items(count: int = 6, choices: int = 3) -> list[dict]:
    """Questions of one letter a token; two of them share a passage."""
    return [
        {
            "item_id": f"q{number}",
            "passage": f"p{number // 2}",
            "question": f"{WORDS[number % 6]} {WORDS[(number * 5 + 1) % 6]} {'a' * (number % 4)}",
            "choices": [f"{WORDS[(number + place) % 6]}{'b' * place}" for place in range(choices)],
            "answer": number % choices,
        }
        for number in range(count)
    ]


def write_task(folder: Path, name: str, rows: list[dict], **keys) -> Path:
    """A task's YAML with its data beside it, named relative to the YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    data = {"dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(CHOICE | data | {"task": name} | keys), encoding="utf-8")
    return path
