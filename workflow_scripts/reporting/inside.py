"""Words and tables on what pruning does inside of a model: subspaces, errors on evaluation text, neurons."""

import polars as pl

from workflow_scripts.analysis.activations import AGNOSTIC
from workflow_scripts.reporting import labels
from workflow_scripts.reporting.calibrations import Known, kinds_of
from workflow_scripts.reporting.html_tables import Column, Table, make_table
from workflow_scripts.reporting.inside_figures import CALIBRATED, DASHES, PART_NAMES, with_owner
from workflow_scripts.reporting.labels import NO_TEXT


def of_subspaces(rows: pl.DataFrame, known: Known | None = None) -> str:
    """Mean error of the parts over blocks and languages."""
    owned, sentences = with_owner(rows, known), ["Error of each part over its spread, mean over blocks and languages."]
    for part, name in PART_NAMES.items():
        found = owned.filter(pl.col("part") == part)
        means = {owner: found.filter(pl.col("owner") == owner)["spread_error"].mean() for owner in DASHES}
        told = [f"{mean:.3g} calibrated in {CALIBRATED[owner]}" for owner, mean in means.items() if mean is not None]
        sentences.append(f"{labels.capital(name)}: {labels.listed(told)}.")
    return " ".join(sentences)


def of_evaluation_errors(rows: pl.DataFrame, known: Known | None = None) -> str:
    """Mean signal-to-noise over blocks in each language, by own and by other calibrations."""
    owned, sentences = with_owner(rows, known), ["Signal-to-noise in dB, mean over blocks."]
    for language in labels.in_order(owned["language"]):
        found = owned.filter(pl.col("language") == language)
        means = {owner: found.filter(pl.col("owner") == owner)["signal_to_noise"].mean() for owner in DASHES}
        told = [f"{mean:.1f} calibrated in {CALIBRATED[owner]}" for owner, mean in means.items() if mean is not None]
        sentences.append(f"{labels.language_name(language)}: {labels.listed(told)}.")
    return " ".join(sentences)


def of_neurons(rows: pl.DataFrame, known: Known | None = None) -> str:
    """What share of each set is kept and new, from the least to the most over calibrations."""
    sentences = ["Neurons kept of the dense model's, and new of the pruned model's."]
    for language in [*labels.in_order(set(rows["language"]) - {AGNOSTIC}), AGNOSTIC]:
        name = labels.capital(AGNOSTIC) if language == AGNOSTIC else labels.language_name(language)
        own = rows.filter(pl.col("language") == language)
        shares = {measure: own[f"{measure}_share"].drop_nulls() for measure in ("kept", "new")}
        told = [
            f"{measure} {labels.percent(found.min())} to {labels.percent(found.max())}"
            for measure, found in shares.items()
            if found.len()
        ]
        if told:
            sentences.append(f"{name}: {', '.join(told)}.")
    return " ".join(sentences)


def of_entropies(rows: pl.DataFrame, known: Known | None = None) -> str:
    """Mean entropies of the dense and of the pruned models, as far as a histogram knows them."""
    middle, width = (pl.col("low") + pl.col("high")) / 2, rows["high"][0] - rows["low"][0]
    dense = rows.filter(pl.col("calibration") == rows["calibration"].min()).select(
        (middle * pl.col("dense_share")).sum()
    )
    sentences = [f"Mean entropy over languages in nats, to half a bin of {width:.3f}: dense model {dense.item():.2f}."]
    for name in labels.in_order(rows["calibration"], kinds_of(known)):
        mean = rows.filter(pl.col("calibration") == name).select((middle * pl.col("share")).sum()).item()
        sentences.append(f"Calibrated in {labels.language_name(name)}: {mean:.2f}.")
    return " ".join(sentences)


IN_WORDS = {
    "evaluation_errors": of_evaluation_errors,
    "subspaces": of_subspaces,
    "neurons": of_neurons,
    "lape_entropies": of_entropies,
}
"""Figure -> what it shows, in words."""


def ranks_table(ranks: pl.DataFrame) -> Table:
    """Ranks of the language-specific subspace."""
    columns = [
        Column("rank", "rank"),
        Column("chosen", "chosen", lambda chosen: "chosen" if chosen else ""),
        Column("held-out variance between languages", "explained", labels.percent),
        Column("least of a block", "explained_min", labels.percent),
        Column("translations found by the agnostic part", "retrieval", labels.percent),
        Column("by whole vectors", "whole_retrieval", labels.percent),
        Column("by chance", "chance", labels.percent),
    ]
    return make_table(
        "ranks", "Rank of the language-specific subspace of the dense model", ranks.to_dicts(), columns, ["model"]
    )


def subspaces_table(subspaces: pl.DataFrame, known: Known | None = None) -> Table:
    """Error and retrieval of each part at the chosen rank, mean over blocks."""
    keys = [*labels.CALIBRATION_SETTING, "method", "calibration", "language", "part"]
    rows = (
        subspaces.filter(pl.col("chosen"))
        .group_by(keys, maintain_order=True)
        .agg(pl.col("relative_error", "spread_error", "error_share", "retrieval", "dense_retrieval").mean())
    )
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration", labels.calibration_name),
        Column("evaluated", "language", labels.with_code),
        Column("part", "part"),
        Column("error over spread", "spread_error", "{:.3f}".format),
        Column("error over energy", "relative_error", "{:.4f}".format),
        Column("share of the error", "error_share", labels.percent),
        Column("translations found", "retrieval", labels.percent),
        Column("by the dense model", "dense_retrieval", labels.percent),
    ]
    ordered = labels.ranked(rows, *keys[:-1], kinds=kinds_of(known))
    return make_table(
        "parts", "Error of each part, mean over blocks", ordered.to_dicts(), columns, labels.CALIBRATION_SETTING
    )


def neurons_table(neurons: pl.DataFrame, known: Known | None = None) -> Table:
    """Neurons kept, lost and new in each language."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration", labels.calibration_name),
        Column("neurons of", "language", lambda name: name if name == AGNOSTIC else labels.with_code(name)),
        Column("dense model", "dense", "{:.0f}".format),
        Column("kept", "kept", "{:.0f}".format),
        Column("lost", "lost", "{:.0f}".format),
        Column("new", "new", "{:.0f}".format),
        Column("share kept", "kept_share", labels.percent),
        Column("share new", "new_share", labels.percent),
    ]
    rows = neurons.filter(~((pl.col("method") == "dense") & (pl.col("calibration") == NO_TEXT)))
    caption = "Language-specific and agnostic neurons under the dense model's thresholds, mean over seeds"
    return make_table("neurons_kept", caption, rows.to_dicts(), columns, labels.CALIBRATION_SETTING)


def sharing_table(overlap: pl.DataFrame, known: Known | None = None) -> Table:
    """Neurons that are specific for two languages."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration", labels.calibration_name),
        Column("neurons of", "language_a", labels.with_code),
        Column("and", "language_b", labels.with_code),
        Column("of both", "both", "{:.0f}".format),
        Column("of either", "either", "{:.0f}".format),
        Column("shared", "jaccard", labels.percent),
    ]
    return make_table(
        "neurons_shared",
        "Neurons that are specific for two languages",
        overlap.to_dicts(),
        columns,
        labels.CALIBRATION_SETTING,
    )
