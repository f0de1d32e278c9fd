"""Own language against mixtures and controls: which comparisons mean something, and what they come to."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, Made, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table
from workflow_scripts.reporting.kit.effect_words import effect_sentences
from workflow_scripts.reporting.kit.intervals import difference_words, interval_axes, interval_mark
from workflow_scripts.reporting.kit.labels import language_name, listed, signed
from workflow_scripts.reporting.kit.overlap import Pair
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import styled
from workflow_scripts.reporting.kit.tables import Table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("baselines.rst",)


class Meaning(NamedTuple):
    """What a kind of baseline is called and keeps of a language, and what follows where own is better, worse, or neither."""

    name: str
    keeps: str
    better: str
    worse: str
    open: str


MEANINGS = {
    "random": Meaning(
        "random tokens",
        "Random tokens keep nothing of a language: the difference is all that texts in it give.",
        "it matters that the calibration is text",
        "random tokens did better than text: how texts were drawn matters more here than what they say",
        "it is not even shown that text is better than none, so that nothing here may be called an effect of language",
    ),
    "shuffled": Meaning(
        "shuffled words",
        "Shuffled words keep the vocabulary of a language, but not its syntax: the difference is what the order of words "
        "gives.",
        "the order of words counts, not the vocabulary alone",
        "the order of words did harm",
        "the vocabulary alone may do",
    ),
    "generated": Meaning(
        "text that the model wrote",
        "Text that the dense model wrote itself needs hardly any corpus: the difference is what a corpus is worth.",
        "a corpus is worth more than the model's own text",
        "the model's own text is worth more than the corpus",
        "the model's own text may stand in for a corpus",
    ),
    "register": Meaning(
        "one register of it",
        "One register of the same language shows how much the kind of text weighs beside the language.",
        "the kind of text matters too, not the language alone",
        "this register serves better than all registers together",
        "the kind of text shows no weight of its own",
    ),
    "corpus": Meaning(
        "another corpus of it",
        "Another corpus in the same language shows how much the source of the texts weighs beside the language.",
        "the source of the texts matters too, not the language alone",
        "the other corpus serves better",
        "the source of the texts shows no weight of its own",
    ),
    "mixture": Meaning(
        "the mixture",
        "A mixture has as much text in all as one language has alone: it shows whether one mask can serve all.",
        "a mask of its own pays",
        "the mixture serves better than a mask of its own",
        "one mask may serve as well as one of its own",
    ),
}
# Those that are made of no language, or of several, concern every evaluated language.
FOR_ALL = {"random", "mixture"}


class Comparison(NamedTuple):
    """Rows of `baselines` that are read together: own language against one baseline, or against one kind of control."""

    name: str
    meaning: Meaning
    rows: pl.DataFrame

    @property
    def of_one(self) -> bool:
        """Whether one baseline is compared with every language."""
        return self.meaning in (MEANINGS[group] for group in FOR_ALL)


def relevant(baselines: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows that mean something by themselves.

    They are those with random tokens and mixtures, and those with a control made of the evaluated language's own texts.
    """
    for_all = [name for name in set(baselines["other"]) if _group(name, known) in FOR_ALL]
    own = {name: made.language for name, made in known.items()}
    of_own = pl.col("other").replace_strict(own, default=None, return_dtype=pl.String) == pl.col("own")
    return baselines.filter(pl.col("other").is_in(for_all) | of_own.fill_null(False))


def comparisons(baselines: pl.DataFrame, known: Known) -> list[Comparison]:
    """What is compared, in the order of `MEANINGS`: one entry for each mixture and random control, and for each other kind."""
    rows, made = labels.ranked(relevant(baselines, known), "own", "other", kinds=kinds_of(known)), []
    for group, meaning in MEANINGS.items():
        names = [name for name in labels.in_order(rows["other"], kinds_of(known)) if _group(name, known) == group]
        parts = [[name] for name in names] if group in FOR_ALL else [names] if names else []
        for part in parts:
            made.append(Comparison(_called(meaning, group, part), meaning, rows.filter(pl.col("other").is_in(part))))
    return made


def baseline_findings(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[str, list[str]]]:
    """A heading (method and setting) and sentences for each."""
    keys = ["method", *labels.EVALUATION_SETTING]
    baselines, head = tables["baselines"], labels.headline(tables["effects"], kinds_of(known))
    among = labels.settings(baselines, keys)
    others = [{key: setting[key] for key in labels.EVALUATION_SETTING} for setting in among]
    found = []
    for setting, other in zip(among, others, strict=True):
        rows, own = (labels.of_setting(table, setting) for table in (baselines, head))
        sentences = [comparison_words(comparison) for comparison in comparisons(rows, known)]
        if sentences:
            title = f"{labels.method_name(setting['method'])}, {labels.setting_title(other, others)}"
            beside = _mismatches(rows, labels.of_setting(tables["effects"], setting), known)
            found.append((title, [*sentences, *beside, *_beside_language(own)]))
    return found


def other_texts(baselines: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows against another register or corpus of the own language."""
    names = [name for name, made in known.items() if made.control in ("register", "corpus")]
    return relevant(baselines, known).filter(pl.col("other").is_in(names))


def comparison_words(comparison: Comparison) -> str:
    """One comparison in a few sentences: what it shows, the differences, and what follows from them."""
    differences = effect_sentences(comparison.rows, comparison.name, differences_alone=True)
    return " ".join([comparison.meaning.keeps, *differences, *_conclusions(comparison)])


def _conclusions(comparison: Comparison) -> Iterator[str]:
    tested = comparison.rows.filter(pl.col("low").is_not_null())
    sure = pl.col("p_holm") < SIGNIFICANT
    for rows, words in (
        (tested.filter(sure, pl.col("difference") < 0), comparison.meaning.better),
        (tested.filter(sure, pl.col("difference") > 0), comparison.meaning.worse),
        (tested.filter(~sure), comparison.meaning.open),
    ):
        if rows.height:
            languages = listed(labels.language_name(own) for own in labels.in_order(rows["own"]))
            yield f"After Holm's correction, in {languages}: {words}."


def _mismatches(baselines: pl.DataFrame, effects: pl.DataFrame, known: Known) -> list[str]:
    """What another kind of text costs, beside what another language costs; of one method and setting."""
    texts, told = other_texts(baselines, known), []
    for own in labels.in_order(texts["own"]):
        kinds = texts.filter(pl.col("own") == own).sort("difference")
        languages = effects.filter(pl.col("own") == own).sort("difference", descending=True)
        if languages.is_empty():
            continue
        costs = listed(f"{row['other']} {_cost(row)}" for row in kinds.iter_rows(named=True))
        least, most = (languages.row(end, named=True) for end in (0, -1))
        span = f"{labels.language_name(least['other'])} {_cost(least)}"
        span += f" to {labels.language_name(most['other'])} {_cost(most)}" if languages.height > 1 else ""
        told.append(
            f"Kind of text beside language, in {labels.language_name(own)} and {labels.units(texts)}: another kind of text "
            f"in place of its own costs {costs}; another language costs {span}."
        )
    return told


def _cost(row: dict) -> str:
    interval = f" ({labels.span(-row['high'], -row['low'])})" if row["low"] is not None else ""
    return f"{signed(-row['difference'])}{interval}"


def _beside_language(head: pl.DataFrame) -> list[str]:
    """What another language costs, to compare the rest with."""
    if head.is_empty():
        return []
    parts = listed(
        f"{labels.language_name(row['own'])} {signed(-row['difference'])}"
        for row in labels.ranked(head, "own").iter_rows(named=True)
    )
    name = labels.language_name(head["other"][0])
    return [f"For comparison, {name} in place of the own language comes to, in {labels.units(head)}: {parts}."]


def _group(name: str, known: Known) -> str:
    """A key of `MEANINGS`; of a control of which nothing is known, none."""
    made = known.get(name) or Made(labels.kind_of(name))
    return made.control if made.kind == "control" else made.kind


def _called(meaning: Meaning, group: str, names: list[str]) -> str:
    """`random tokens`, `the mixture English + Swahili (en+sw)`."""
    return f"{meaning.name} {labels.with_code(names[0])}" if group == "mixture" else meaning.name


@styled
def baseline_intervals(
    baselines: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None
) -> Figure:
    """Loss of the own-language calibration minus each mixture's and control's, grouped by what it is compared with."""
    known = known or {}
    shown = relevant(baselines, known)
    if shown.is_empty():
        return drawing.nothing("No mixture or control to compare an own language with.")
    every = shown if among is None else relevant(among, known)
    limits = drawing.limits([0, *every["difference"], *every["low"], *every["high"]])
    lines = _baseline_lines(shown, known)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        axes.axvline(0, color="black", linewidth=0.8)
        found = {(row["own"], row["other"]): row for row in part.iter_rows(named=True)}
        for place, (_, pair) in enumerate(lines):
            if pair in found:
                interval_mark(axes, place, found[pair], known)
        axes.set_yticks(range(len(lines)), [text for text, _ in lines])
        interval_axes(axes, len(lines), limits)
        axes.tick_params(axis="y", length=0)
        # Panels that share an axis share its ticks, and only the first has words at them.
        for text, (_, pair) in zip(axes.get_yticklabels(), lines, strict=False):
            text.set_fontweight("normal" if pair else "bold")

    size = (4.8, 0.27 * len(lines) + 0.7)
    figure = drawing.grid(shown, labels.EVALUATION_SETTING, size, panel, share="xy", titled=among is None)
    label = f"{labels.units(shown)}, own language minus baseline\n(left of the line: own is better)"
    figure.supxlabel(label, fontsize=9)
    return figure


def _baseline_lines(baselines: pl.DataFrame, known: Known) -> list[tuple[str, Pair | None]]:
    """Label and pair (own, other) of every line: a heading, without a pair, for each comparison, then its languages."""
    lines: list[tuple[str, Pair | None]] = []
    for comparison in comparisons(baselines, known):
        pairs = list(dict.fromkeys(comparison.rows.select("own", "other").iter_rows()))
        several = not comparison.of_one
        lines.append((comparison.name.removeprefix("the ").removesuffix(" of it"), None))
        lines += [(f"{labels.language_name(own)} ({other if several else own})", (own, other)) for own, other in pairs]
    return lines


def of_baselines(baselines: pl.DataFrame, known: Known | None = None) -> str:
    """The difference of each language from each baseline that means something for it, with its interval."""
    sentences = []
    for comparison in comparisons(baselines, known or {}):
        sentences.append(f"Own language minus {comparison.name}, in {labels.units(comparison.rows)}.")
        sentences += [
            f"{language_name(row['own'])} {difference_words(row)}." for row in comparison.rows.iter_rows(named=True)
        ]
    return " ".join(sentences) or "There is no difference to show."


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    baselines, effects = tables["baselines"], tables["effects"]
    headline = relevant(baselines, known)
    rest = baselines.join(headline, on=["own", "other"], how="anti")
    against = "Own language against mixtures, random tokens, and controls made of its own texts"
    foreign = "Own language against controls made of the texts of other languages"
    texts = other_texts(baselines, known)
    mismatches = pl.concat([texts, effects.join(texts, on="own", how="semi")])
    beside = "Another kind of text, and another language, in place of the own"
    named = (
        (headline, "own_and_baselines", against),
        (mismatches, "register_and_language", beside),
        (rest, "own_and_foreign_controls", foreign),
    )
    return [
        (effects_table(rows, name, caption, known), name == "own_and_baselines")
        for rows, name, caption in named
        if rows.height
    ]


SECTION = Section(
    title="Baselines: is it the language?",
    files={"baselines": "own language against mixtures and controls, with intervals"},
    applies=lambda baselines: not baselines.is_empty(),
    draw=baseline_intervals,
    words=of_baselines,
    tables=_tables,
    findings=baseline_findings,
    made_of=True,
)
