"""Names, order and looks that figures, sentences and tables share."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from workflow_scripts.analysis.cloze import MARGIN
from workflow_scripts.analysis.divergence import DIVERGENCE
from workflow_scripts.analysis.fidelity import OTHER_LANGUAGES, REPEATED
from workflow_scripts.analysis.matrix import BITS_PER_BYTE, NATS_PER_TOKEN
from workflow_scripts.analysis.questions import NATS_PER_ANSWER
from workflow_scripts.analysis.representations import DECIBEL
from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.pruning.methods.declaring import declared_methods

NO_TEXT = "none"
REFERENCE = "en"
CALIBRATION_SETTING = ["model", "pattern", "sample", "propagation"]
EVALUATION_SETTING = [*CALIBRATION_SETTING, "corpus"]
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fa": "Persian", "fil": "Filipino", "fr": "French", "he": "Hebrew", "hi": "Hindi", "id": "Indonesian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sw": "Swahili", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
# Ten colours, each of a contrast of 3:1 on white at least, chosen by search for the largest smallest distance (in OKLab)
# under normal vision and simulated protan-, deuter- and tritanopia; a test measures it.
PALETTE = [
    "#1507a6", "#ae9318", "#ff36ba", "#790300", "#428678", "#9303f2", "#875602", "#4198f2", "#55527b", "#550e5e",
]  # fmt: skip
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p"]
DASHES = ["-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5))]
# A language's place gives its look. Append only: a look must not change between studies, or when a language is added.
PLACES = [
    "en", "de", "sw", "zh", "es", "ru", "ar", "fr", "hi", "ja", "it", "ko", "pt", "tr", "vi", "id", "fil", "th", "bn",
    "ur", "fa", "he", "uk", "pl", "cs", "nl", "el", "yo",
]  # fmt: skip
CONTROL_COLOUR = "#6b6b6b"
# What losses in a unit were measured on.
TEXT_OF_UNIT = {BITS_PER_BYTE: "document", NATS_PER_TOKEN: "window", MARGIN: "item", POINTS: "item", DIVERGENCE: "text"}
TEXT_OF_UNIT |= {NATS_PER_ANSWER: "question", OTHER_LANGUAGES: "text", REPEATED: "text", DECIBEL: "document"}
# Units of what a model has, of which pruning takes some away.
KEPT = (MARGIN, POINTS)
KINDS = ["language", "mixture", "control", "magnitude"]


class Look(NamedTuple):
    """How a language or calibration is drawn; colour is never the only sign."""

    colour: str
    marker: str
    dashes: str | tuple


def language_name(name: str) -> str:
    """English name of a language or of a mixture such as `en+sw`; the code itself where the name is not known."""
    return " + ".join(LANGUAGES.get(part, part) for part in name.split("+"))


def with_code(name: str) -> str:
    """`German (de)`; the bare code where the name is not known."""
    known = language_name(name)
    return known if known == name else f"{known} ({name})"


def calibration_name(name: str) -> str:
    """`German (de)`, and what magnitude, which saw no text, is called among calibrations."""
    return "magnitude (no text)" if name == NO_TEXT else with_code(name)


def module_name(module: str) -> str:
    """A linear without the part of the block that it belongs to: `q_proj`."""
    return module.removeprefix("self_attn.").removeprefix("mlp.")


def method_name(method: str) -> str:
    """A method as the literature spells it."""
    return declared_methods()[method].label if method in declared_methods() else method


def pattern_words(pattern: str) -> str:
    """`0.5` -> `50 % removed` (a no-break blank), `2:4` -> `2:4`."""
    try:
        return f"{float(pattern) * 100:g}\N{NO-BREAK SPACE}% removed"
    except ValueError:
        return pattern.replace("of", ":")


def kind_of(name: str, kinds: Mapping[str, str] | None = None) -> str:
    """`language`, `mixture`, `control` (a calibration that is no language) or `magnitude`.

    Args:
        kinds: calibration -> kind, where it is known; without it a name with a plus is a mixture.
    """
    if name == NO_TEXT:
        return "magnitude"
    return (kinds or {}).get(name, "mixture" if "+" in name else "language")


def in_order(names: Iterable[str], kinds: Mapping[str, str] | None = None) -> list[str]:
    """Distinct calibrations or languages in the one order of all figures and tables: by kind (see `KINDS`), then name."""
    return sorted(set(names), key=lambda name: (KINDS.index(kind_of(name, kinds)), name))


def ranked(rows: pl.DataFrame, *columns: str, kinds: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The rows sorted by `columns`, languages and calibrations in the order of `in_order`."""
    named = {"calibration", "calibration_a", "calibration_b", "language", "own", "other"}
    keys = [
        pl.col(column).replace_strict(order := in_order(rows[column], kinds), range(len(order)), return_dtype=pl.Int64)
        if column in named and rows.height
        else pl.col(column)
        for column in columns
    ]
    return rows.sort(keys, maintain_order=True)


def module_order(modules: Iterable[str]) -> list[str]:
    """Distinct linears of a block in the order in which a block uses them, unknown ones last."""
    place = {name: i for i, name in enumerate(MODULES)}
    return sorted(set(modules), key=lambda module: (place.get(module.rsplit(".", 1)[-1], len(place)), module))


def look(name: str, kinds: Mapping[str, str] | None = None) -> Look:
    """Colour, marker and dashes of a language or calibration, by its name alone: the same in every figure and study.

    A name without a place of its own takes one from its digest.
    """
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    place = PLACES.index(name) if name in PLACES else digest % (len(PALETTE) * len(MARKERS))
    shift = place // len(PALETTE)
    marker, dashes = MARKERS[(place + shift) % len(MARKERS)], DASHES[(place + shift) % len(DASHES)]
    if kind_of(name, kinds) in ("control", "magnitude"):
        return Look(CONTROL_COLOUR, marker, DASHES[2])
    return Look(PALETTE[place % len(PALETTE)], marker, dashes)


def reference_of(effects: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> str | None:
    """The language that headlines compare with: English where it was calibrated, else the first of all.

    None where no two calibration languages can be compared.
    """
    others = [name for name in in_order(effects["other"], kinds) if kind_of(name, kinds) == "language"]
    return REFERENCE if REFERENCE in others else next(iter(others), None)


def headline(effects: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The rows that compare with the reference."""
    return effects.filter(pl.col("other") == (reference_of(effects, kinds) or ""))


def settings(frame: pl.DataFrame, keys: Sequence[str]) -> list[dict[str, str]]:
    """The distinct settings in a table, sorted."""
    return frame.select(keys).unique().sort(keys).to_dicts()


def of_setting(frame: pl.DataFrame, setting: Mapping[str, str]) -> pl.DataFrame:
    """The rows of one setting."""
    return frame.filter(*(pl.col(key) == value for key, value in setting.items()))


def setting_title(setting: Mapping[str, str], among: Sequence[Mapping[str, str]]) -> str:
    """Model and pattern of a setting, and whatever else differs among the settings of the study."""
    differing = [key for key in setting if key not in ("model", "pattern") and len({s[key] for s in among}) > 1]
    words = [setting["model"], pattern_words(setting["pattern"])]
    return ", ".join(words + [f"{key} {setting[key]}" for key in differing])


def method_title(setting: Mapping[str, str], among: Sequence[Mapping[str, str]], mark: str = ",") -> str:
    """The method of a setting and, after the mark, the rest of it where the study has several."""
    method = method_name(setting["method"])
    rest = [{key: value for key, value in one.items() if key != "method"} for one in (setting, *among)]
    several = any(one != rest[0] for one in rest)
    return f"{method}{mark} {setting_title(rest[0], rest[1:])}" if several else method


def units(rows: pl.DataFrame) -> str:
    """The unit of a table's rows; `a or b` where its corpora differ in it."""
    return " or ".join(rows["unit"].unique().sort())


def losses(rows: pl.DataFrame) -> str:
    """The unit of a table's rows as that of a loss: margins and points are lost."""
    return " or ".join(f"{unit} lost" if unit in KEPT else unit for unit in rows["unit"].unique().sort())


def texts(rows: pl.DataFrame) -> str:
    """What the losses of a table's rows were measured on, one of them: `document`, `window` or `item`."""
    return " or ".join(sorted({TEXT_OF_UNIT[unit] for unit in rows["unit"]}))


def probability(p: float) -> str:
    """A p-value with three decimals, tiny ones as a bound."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_value(p: float) -> str:
    """`p = 0.012`, or `p <0.001`."""
    shown = probability(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def span(low: float, high: float, decimals: int = 3) -> str:
    """The ends of an interval: `−0.30 to +0.20`."""
    return f"{signed(low, decimals)} to {signed(high, decimals)}"


def signed(value: float, decimals: int = 3) -> str:
    """A number with its sign, a true minus for negative ones."""
    return f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """0.24 -> `24 %`, the blank a no-break one, and a true minus; what rounds to nothing has no sign."""
    return f"{100 * share:z.0f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")


def chance(share: float) -> str:
    """The share that guessing gets right: `12.5 %`."""
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def many(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def capital(sentence: str) -> str:
    """The sentence with its first letter a capital."""
    return sentence[:1].upper() + sentence[1:]


def listed(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    parts = list(parts)
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
