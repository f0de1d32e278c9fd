"""Names, order and colours that figures, sentences and tables share."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from workflow_scripts.analysis.matrix import NATS_PER_TOKEN

NO_TEXT = "none"
REFERENCE = "en"
CALIBRATION_SETTING = ["model", "pattern", "sample", "propagation"]
EVALUATION_SETTING = [*CALIBRATION_SETTING, "corpus"]
METHODS = {"magnitude": "Magnitude", "sparsegpt": "SparseGPT", "wanda": "Wanda"}
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fa": "Persian", "fil": "Filipino", "fr": "French", "he": "Hebrew", "hi": "Hindi", "id": "Indonesian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sw": "Swahili", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
# Okabe and Ito's palette, told apart under colour blindness; yellow last because it is faint on white.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442"]


def language_name(name: str) -> str:
    """English name of a language or of a mixture such as `en+sw`; the code itself where the name is not known."""
    return " + ".join(LANGUAGES.get(part, part) for part in name.split("+"))


def with_code(name: str) -> str:
    """`German (de)`; the bare code where the name is not known."""
    known = language_name(name)
    return known if known == name else f"{known} ({name})"


def method_name(method: str) -> str:
    """A method as the literature spells it."""
    return METHODS.get(method, method)


def pattern_words(pattern: str) -> str:
    """`0.5` -> `50 % removed` (a no-break blank), `2:4` -> `2:4`."""
    try:
        return f"{float(pattern) * 100:g}\N{NO-BREAK SPACE}% removed"
    except ValueError:
        return pattern.replace("of", ":")


def in_order(names: Iterable[str]) -> list[str]:
    """Distinct calibrations or languages in the one order of all figures: languages by code, then mixtures."""
    return sorted(set(names), key=lambda name: ("+" in name, name))


def module_order(modules: Iterable[str]) -> list[str]:
    """Distinct linears of a block in the order in which a block uses them, unknown ones last."""
    place = {name: i for i, name in enumerate(MODULES)}
    return sorted(set(modules), key=lambda module: (place.get(module.rsplit(".", 1)[-1], len(place)), module))


def colours(names: Iterable[str]) -> dict[str, str]:
    """One colour per calibration or language, repeated after eight, so that no figure may rely on colour alone."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(in_order(names))}


def reference_of(effects: pl.DataFrame) -> str | None:
    """The calibration that headlines compare with: English where it was calibrated, else the first of all.

    None where no two calibrations can be compared.
    """
    others = in_order(effects["other"])
    return REFERENCE if REFERENCE in others else next(iter(others), None)


def headline(effects: pl.DataFrame) -> pl.DataFrame:
    """The rows that compare with the reference."""
    return effects.filter(pl.col("other") == (reference_of(effects) or ""))


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


def units(rows: pl.DataFrame) -> str:
    """The unit of a table's rows; `a or b` where its corpora differ in it."""
    return " or ".join(rows["unit"].unique().sort())


def texts(rows: pl.DataFrame) -> str:
    """What the losses of a table's rows were measured on, one of them: `document` or `window`."""
    return " or ".join(sorted({"window" if unit == NATS_PER_TOKEN else "document" for unit in rows["unit"]}))


def signed(value: float) -> str:
    """Three decimals with a sign, a true minus for negative numbers."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """0.24 -> `24 %`, the blank a no-break one, and a true minus."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")


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
