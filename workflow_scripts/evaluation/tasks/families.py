"""Families of lm-eval's tasks: the same questions in many languages, each language a task of its own name.

A table, and nothing that computes: the workflow reads it, and tells a step the entry that it needs, so that a new family or
language makes no scored item anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FLORES = {
    "af": "afr_Latn", "am": "amh_Ethi", "ar": "arb_Arab", "bg": "bul_Cyrl", "bn": "ben_Beng", "ca": "cat_Latn",
    "ceb": "ceb_Latn", "cs": "ces_Latn", "da": "dan_Latn", "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn",
    "es": "spa_Latn", "et": "est_Latn", "eu": "eus_Latn", "fa": "pes_Arab", "fi": "fin_Latn", "fil": "tgl_Latn",
    "fr": "fra_Latn", "gu": "guj_Gujr", "ha": "hau_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "hr": "hrv_Latn",
    "hu": "hun_Latn", "hy": "hye_Armn", "id": "ind_Latn", "ig": "ibo_Latn", "is": "isl_Latn", "it": "ita_Latn",
    "ja": "jpn_Jpan", "ka": "kat_Geor", "kk": "kaz_Cyrl", "km": "khm_Khmr", "kn": "kan_Knda", "ko": "kor_Hang",
    "ky": "kir_Cyrl", "lo": "lao_Laoo", "lt": "lit_Latn", "lv": "lvs_Latn", "mg": "plt_Latn", "ml": "mal_Mlym",
    "mr": "mar_Deva", "ms": "zsm_Latn", "my": "mya_Mymr", "ne": "npi_Deva", "nl": "nld_Latn", "no": "nob_Latn",
    "ny": "nya_Latn", "pa": "pan_Guru", "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl",
    "rw": "kin_Latn", "si": "sin_Sinh", "sk": "slk_Latn", "sl": "slv_Latn", "sn": "sna_Latn", "so": "som_Latn",
    "sr": "srp_Cyrl", "sv": "swe_Latn", "sw": "swh_Latn", "ta": "tam_Taml", "te": "tel_Telu", "th": "tha_Thai",
    "tr": "tur_Latn", "uk": "ukr_Cyrl", "ur": "urd_Arab", "vi": "vie_Latn", "wo": "wol_Latn", "xh": "xho_Latn",
    "yo": "yor_Latn", "zh": "zho_Hans", "zh-Hant": "zho_Hant", "zu": "zul_Latn",
}  # fmt: skip
"""Language -> language and script as Belebele spells them."""

PIQA = {
    language: code.lower()
    for language, code in FLORES.items()
    if language not in {"af", "gu", "kk", "km", "lo", "lv", "mg", "mr", "my", "ny", "rw", "so", "sn", "wo", "ms"}
} | {
    "es": "spa_latn_spai", "et": "ekk_latn", "fr": "fra_latn_fran", "gu": "guj_gujr", "mr": "mar_deva", "ms": "zsm_latn",
    "pt": "por_latn_port", "rw": "kin_latn", "zh": "cmn_hans", "zh-Hant": "cmn_hant",
}  # fmt: skip
"""The same as Global PIQA spells them."""


def same(languages: str) -> dict[str, str]:
    """Languages that a family calls by their own codes."""
    return {language: language for language in languages.split()}


@dataclass(frozen=True)
class Family:
    """Tasks that ask the same in several languages.

    Attributes:
        path: where lm-eval has the definition of a language's task, `{}` for the family's code of the language; with an
            asterisk, one file for each of several subjects.
        codes: language -> the family's code of it.
        elsewhere: language -> definition, for languages that stand in another place.
        ids: fields that name an item in all languages; where they are missing, its position does.
        cluster: fields that items share which are not independent: their passage, or premise.
        metric: lm-eval's metric that says whether an item is answered right; the definition's first when empty.
        filter: lm-eval's filter of answers that the metric is taken after; the definition's first when empty.
        generates: whether the model writes its answer, in place of choosing one.
    """

    path: str
    codes: Mapping[str, str]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    metric: str = ""
    filter: str = ""
    generates: bool = False

    @property
    def languages(self) -> list[str]:
        """The languages that the family has, sorted."""
        return sorted({*self.codes, *self.elsewhere})

    def definition(self, language: str) -> str:
        """The definition of a language's task, below lm-eval's folder of tasks."""
        return self.elsewhere.get(language) or self.path.format(self.codes[language])

    def told(self, language: str) -> dict[str, Any]:
        """What a step is told of a language's task."""
        spec = {"definition": self.definition(language), "ids": list(self.ids), "cluster": list(self.cluster)}
        return spec | {"metric": self.metric, "filter": self.filter}


OKAPI = "ar bn ca da de es eu fr gu hi hr hu hy id it kn ml mr ne nl pt ro ru sk sr sv ta te uk vi zh"

FAMILIES = {
    "arc": Family(
        "okapi/arc_multilingual/arc_{}.yaml", same(OKAPI), {"en": "arc/arc_challenge.yaml"}, ("id",), metric="acc_norm"
    ),
    "belebele": Family(
        "belebele/belebele_{}.yaml", FLORES, ids=("link", "question_number"), cluster=("flores_passage",)
    ),
    "global_mmlu_full": Family(
        "global_mmlu/full/{0}/global_mmlu_full_{0}_*.yaml",
        same(
            "am ar bn cs de el en es fa fil fr ha he hi id ig it ja ko ky lt mg ms ne nl ny pl pt ro ru si sn so sr sv sw"
        )
        | same("te tr uk vi yo zh"),
        ids=("sample_id",),
    ),
    "global_piqa": Family("global_piqa/parallel_cloze/{}.yaml", PIQA, ids=("example_id",)),
    "hellaswag": Family(
        "okapi/hellaswag_multilingual/hellaswag_{}.yaml",
        {language: code for language, code in same(OKAPI).items() if language != "zh"},
        {"en": "hellaswag/hellaswag.yaml"},
        ("ind",),
        ("source_id",),
        metric="acc_norm",
    ),
    "mgsm": Family(
        "mgsm/direct/mgsm_direct_{}.yaml",
        same("bn de en es fr ja ru sw te th zh"),
        filter="flexible-extract",
        generates=True,
    ),
    "paws": Family("paws-x/paws_{}.yaml", same("de en es fr ja ko zh"), ids=("id",)),
    "truthfulqa": Family(
        "okapi/truthfulqa_multilingual/truthfulqa_{}_mc1.yaml", same(OKAPI), {"en": "truthfulqa/truthfulqa_mc1.yaml"}
    ),
    "xcopa": Family("xcopa/default_{}.yaml", same("et ht id it qu sw ta th tr vi zh"), ids=("idx",)),
    "xnli": Family("xnli/xnli_{}.yaml", same("ar bg de el en es fr hi ru sw th tr ur vi zh"), cluster=("premise",)),
    "xstorycloze": Family("xstorycloze/default_{}.yaml", same("ar en es eu hi id my ru sw te zh"), ids=("story_id",)),
}
"""Name -> family; a test holds every entry against the installed lm-eval."""

OWN = {"definition": "", "ids": ["item_id|id"], "cluster": ["cluster|passage|premise"], "metric": "", "filter": ""}
"""What a step is told of a task of a user's: the fields that name items and clusters, the first that an item has."""
