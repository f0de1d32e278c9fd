"""What a report says of a study's models and corpora, read from their artifacts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl


def describe_models(records: list[Path]) -> list[dict[str, Any]]:
    """Name, source, licence, revision, size and whether it was dequantised, of the models with these records."""
    described = []
    for record in records:
        content = json.loads(record.read_text(encoding="utf-8"))
        source = content["source"]
        described.append(
            {
                "name": record.parent.name,
                "source": _source(source),
                "licence": source.get("licence", ""),
                "revision": source.get("revision"),
                "parameters": content["parameters"],
                "dequantised": source["kind"] in {"packaged", "gguf"},
            }
        )
    return described


def _source(source: dict[str, Any]) -> str:
    if source["kind"] == "packaged":
        package, release = next(iter(source["packages"].items()))
        return f"Python package {package} {release}, SHA-256 {source['sha256'][:12]}…"
    if source["kind"] == "hub":
        return f"hub model {source['name']}"
    return f"{source['kind']} {source.get('file') or source.get('name')}"


def describe_corpora(documents: list[Path], stated: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is stated of the corpora behind these document tables (`{corpus}/{language}.parquet`), and what they show."""
    tables = {}
    for path in documents:
        table = pl.read_parquet(path, columns=["doc_id", "sentences"])
        tables.setdefault(path.parent.name, []).append(table)
    return [{"name": name, "parallel": _parallel(tables[name]), **stated[name]} for name in sorted(tables)]


def _parallel(tables: list[pl.DataFrame]) -> bool | None:
    """Whether the documents of all languages have the same names and numbers of sentences; None when sentences are unknown."""
    shapes = [dict(zip(table["doc_id"], table["sentences"].list.len().fill_null(0), strict=True)) for table in tables]
    if not all(shapes[0].values()):
        return None
    return all(shape == shapes[0] for shape in shapes)
