"""The study: a typed model of its YAML file, and the only module that knows the configuration's shape.

Steps do not import this module, so that a new key recomputes nothing.
"""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workflow_scripts.corpora.mixtures import allocate
from workflow_scripts.corpora.sources import get_source
from workflow_scripts.models.catalogue import PACKAGED
from workflow_scripts.paths import Grid, cloze_languages
from workflow_scripts.pruning.patterns import COLUMNS, NofM, parse_pattern, spell_pattern

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?")
# The embedded corpus keeps as many for evaluation in every language; a test counts them, and the cloze items.
EMBEDDED_EVALUATION = 32
EMBEDDED_CLOZE = 200
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


CHANGES_WEIGHTS = {"magnitude": False, "sparsegpt": True, "wanda": False}
"""Method -> whether it changes kept weights, as its module says; known here without importing torch."""


class StudyError(ValueError):
    """A study that cannot be run; the message says what, where and how to mend it."""


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError('YAML reads `no` as false; put Norwegian in quotes: "no"')
    return value


def _language(value: Any) -> Any:
    if not isinstance(value, str) or not LANGUAGE.fullmatch(value):
        raise ValueError(f"{value!r} is not a language: write an ISO 639 code such as sw or zh-Hant")
    return value


def _name(value: str) -> str:
    if not NAME.fullmatch(value) or value in {"none", "dense"}:
        raise ValueError(f"{value!r} is not a name: use letters, digits, '.', '_' and '-', and neither none nor dense")
    return value


def _pattern(value: Any) -> str:
    if isinstance(value, int) and value > 1:
        raise ValueError(f'YAML reads an unquoted 2:4 as a number of minutes, here {value}; put N:M in quotes: "2:4"')
    return spell_pattern(str(value))


def _method(value: Any) -> Any:
    if value == "magnitude":
        raise ValueError("magnitude is always computed beside the methods, as the floor: leave it out")
    return value


Language = Annotated[str, BeforeValidator(_language), BeforeValidator(_text)]
CalibrationName = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, AfterValidator(_name)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Method = Annotated[Literal["sparsegpt", "wanda"], BeforeValidator(_method)]
Positive = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


def _unique(values: list) -> list:
    doubled = sorted({str(value) for value in values if values.count(value) > 1})
    if doubled:
        raise ValueError(f"{doubled[0]} is listed twice")
    return values


def unique_list(entry: Any) -> Any:
    """A list of at least one entry, without doubles."""
    return Annotated[list[entry], Field(min_length=1), AfterValidator(_unique)]


class Section(BaseModel):
    """Part of a study: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSource(Section):
    """Where a model comes from: exactly one of the four kinds."""

    packaged: str | None = None
    """name of a model that comes as Python packages"""
    path: str | None = None
    """a local checkpoint directory with config.json and *.safetensors"""
    gguf: str | None = None
    """a GGUF file, dequantised once"""
    hub: str | None = None
    """name of a hub model, `organisation/model`"""
    revision: str | None = None
    """commit, tag or branch of the hub model"""

    @model_validator(mode="after")
    def _one_kind(self) -> "ModelSource":
        kinds = [kind for kind in ("packaged", "path", "gguf", "hub") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError("name exactly one of packaged, path, gguf and hub")
        if self.packaged is not None and self.packaged not in PACKAGED:
            raise ValueError(f"there is no packaged model {self.packaged}: there is {', '.join(PACKAGED)}")
        if (self.revision is not None) != (self.hub is not None):
            raise ValueError("revision goes with hub: write the commit that the results shall stand for")
        for kind in ("path", "gguf"):
            value = getattr(self, kind)
            if value is not None and not Path(value).exists():
                raise ValueError(
                    f"{value} is not there: write the path from the folder you start in, or an absolute one"
                )
        return self


class EmbeddedCorpus(Section):
    """The parallel corpus that comes with polyprune."""

    kind: Literal["embedded"]


class LocalCorpus(Section):
    """Text files of the user's: one file or folder per language below `path`."""

    kind: Literal["local"]
    path: str
    text: str = "text"
    """column of the text in .jsonl and .parquet"""
    evaluation_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """share of the documents kept for evaluation; 1 for a corpus that is evaluated on only"""
    source: str = ""
    """where the texts come from, for the report"""
    licence: str = ""

    @model_validator(mode="after")
    def _there(self) -> "LocalCorpus":
        if not Path(self.path).is_dir():
            raise ValueError(f"the folder {self.path} is not there")
        return self


class HubCorpus(Section):
    """A hub data set, read in streaming mode."""

    kind: Literal["hub"]
    name: str
    """`organisation/data set`"""
    configurations: dict[Language, str] = {}
    """language -> the data set's configuration, where it is not the language's code"""
    split: str = "train"
    text: str = "text"
    revision: str | None = None
    documents: Positive = 1000
    """documents taken from the start of the stream"""
    minimum_characters: Annotated[int, Field(ge=0)] = 200
    evaluation_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    source: str = ""
    licence: str = ""


Corpus = Annotated[EmbeddedCorpus | LocalCorpus | HubCorpus, Field(discriminator="kind")]


class Control(Section):
    """A calibration that takes something away from a language, or its texts from elsewhere: a baseline."""

    kind: Literal["random", "shuffled", "generated", "register", "corpus"]
    """random: random tokens; shuffled: the words of the texts in random order; generated: texts that the dense model
    writes itself; register: one register of the corpus; corpus: the texts of another corpus"""
    language: Language
    """language of the texts; of random tokens, the language whose texts give their number and lengths"""
    register_: Annotated[Name | None, Field(alias="register")] = None
    """for kind register: the register, as the corpus labels it"""
    corpus: Name | None = None
    """for kind corpus: the corpus, one of corpora"""

    @property
    def tokens(self) -> str:
        """Name of the file of tokens in the corpus's folder."""
        if self.kind == "corpus":
            return self.language
        return f"{self.language}~{self.kind}" + (f"-{self.register_}" if self.register_ else "")

    @model_validator(mode="after")
    def _what_the_kind_needs(self) -> "Control":
        for kind, value in (("register", self.register_), ("corpus", self.corpus)):
            if self.kind == kind and value is None:
                raise ValueError(f"a control of kind {kind} needs the key {kind}: add it")
            if self.kind != kind and value is not None:
                raise ValueError(f"a control of kind {self.kind} has no use for the key {kind}: remove it")
        return self


class Calibration(Section):
    """Which texts go through the model, and how they are cut."""

    corpus: Name
    mixtures: dict[Name, dict[Language, Annotated[float, Field(gt=0)]]] = {}
    """named mixtures of languages with weights; a language by itself needs no entry"""
    controls: dict[Name, Control] = {}
    """named controls: baselines that show what about a language matters"""
    calibrations: unique_list(CalibrationName)
    """languages, or names of mixtures and controls; `en+sw` is a mixture in equal parts"""
    windows: Positive | None = None
    """windows in all, shared out among the languages of a mixture: calibrations are matched on tokens"""
    documents: Positive | None = None
    """in place of windows: documents a seed, in as many windows as they fill: matched on content, on a parallel corpus"""
    length: Annotated[int, Field(ge=8)]
    """tokens a window"""
    sampling: Literal["packed", "long"] = "packed"
    """packed: documents one after the other; long: a window from each document that is longer, as published"""
    seeds: unique_list(Seed)
    """draws of calibration documents: seed s takes the s-th disjoint share, counted from 0"""

    @property
    def sample(self) -> str:
        """Name of the sample in paths."""
        suffix = "" if self.sampling == "packed" else f"-{self.sampling}"
        size = f"{self.windows}x" if self.documents is None else f"{self.documents}docsx"
        return f"{self.corpus}-{size}{self.length}{suffix}"

    def kind(self, name: str) -> Literal["language", "mixture", "control"]:
        """What a calibration is; only those in one language, named as it, count as languages."""
        if name in self.controls:
            return "control"
        return "language" if self.mixture(name) == {name: 1.0} else "mixture"

    def mixture(self, name: str) -> dict[str, float]:
        """Language -> share, summing to 1."""
        if name in self.controls:
            return {self.controls[name].language: 1.0}
        weights = self.mixtures.get(name) or dict.fromkeys(name.split("+"), 1.0)
        total = sum(weights.values())
        return {language: weights[language] / total for language in sorted(weights)}

    @model_validator(mode="after")
    def _known(self) -> "Calibration":
        if (self.windows is None) == (self.documents is None):
            raise ValueError(
                "give either windows (calibrations matched on tokens) or documents (matched on content): add one of them, "
                "or remove one"
            )
        if self.documents and self.sampling != "packed":
            raise ValueError("documents go with sampling packed: remove sampling, or give windows")
        both = sorted(set(self.mixtures) & set(self.controls))
        if both:
            raise ValueError(f"{both[0]} is the name of a mixture and of a control: rename one")
        for name in self.calibrations:
            if name not in self.mixtures and name not in self.controls:
                for language in name.split("+"):
                    _language(language)
                _unique(name.split("+"))
            allocate(self.windows or self.documents, self.mixture(name))
        return self


class Pruning(Section):
    """Methods and patterns."""

    methods: unique_list(Method)
    """criteria that use the calibration; magnitude is always computed beside them, as the floor"""
    patterns: unique_list(Pattern)
    """ratios such as 0.5, or N:M such as 2:4"""
    propagation: Literal["sequential"] = "sequential"
    """a block sees the output of the already pruned blocks"""
    batch: Positive = 1
    """windows that go through the model at a time; part of the artifact"""


class Evaluation(Section):
    """Texts on which perplexity is measured."""

    corpus: Name
    languages: unique_list(Language)
    documents: Positive
    """evaluation documents a language, from the start of the corpus's evaluation split"""
    length: Annotated[int, Field(ge=8)] = 512
    """tokens that the model sees at a time"""
    protocol: Literal["document", "published"] = "document"
    """document: BOS in every window, every token scored; published: documents joined, the tail dropped"""
    batch: Positive = 4
    cloze: Annotated[int, Field(ge=0, le=EMBEDDED_CLOZE)] = 0
    """factual cloze items a language that has them, from the embedded 200; 0 for none"""

    def cloze_languages(self) -> list[str]:
        """The languages that the study scores cloze items in."""
        return sorted(set(self.languages) & set(cloze_languages())) if self.cloze else []

    @property
    def sample(self) -> str:
        """Name of the evaluation sample in paths."""
        suffix = "" if self.protocol == "document" else f"-{self.protocol}"
        return f"{self.corpus}-{self.documents}x{self.length}{suffix}"


class Compute(Section):
    """Where and how precisely."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16", "float64"] = "auto"
    """auto: float32 on the CPU, the checkpoint's own elsewhere"""
    threads: Positive = 1
    """threads of one job; part of the artifact, for the last bits of a sum depend on it"""


class Keep(Section):
    """Which large or replaceable artifacts outlive a run; they can be made again, masks are always kept."""

    weights: bool = True
    """kept weights of the methods that change them"""
    windows: bool = True
    """calibration windows"""
    dense: bool = True
    """weights of packaged and GGUF models, restored to plain numbers; a user's own files are never touched"""


class Study(Section):
    """One configuration: models x calibrations x methods x patterns x seeds, and what is evaluated."""

    study: Name
    """name of the study, and of its folder below results/reports"""
    models: Annotated[dict[Name, ModelSource], Field(min_length=1)]
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    calibration: Calibration
    pruning: Pruning
    evaluation: Evaluation
    compute: Compute = Compute()
    keep: Keep = Keep()

    def grid(self) -> Grid:
        """The lists that span the study's variants and evaluations, sorted, patterns as in paths."""
        return Grid(
            models=tuple(sorted(self.models)),
            methods=tuple(sorted(self.pruning.methods)),
            patterns=tuple(sorted(self.pruning.patterns)),
            sample=self.calibration.sample,
            propagation=self.pruning.propagation,
            calibrations=tuple(sorted(self.calibration.calibrations)),
            seeds=tuple(sorted(self.calibration.seeds)),
            evaluation=self.evaluation.sample,
            languages=tuple(sorted(self.evaluation.languages)),
            cloze=self.evaluation.cloze,
            cloze_languages=tuple(self.evaluation.cloze_languages()),
        )

    def calibration_languages(self) -> dict[str, list[str]]:
        """Corpus -> the languages that any calibration draws from it."""
        section = self.calibration
        drawn = {
            (self.corpus_of(name), language) for name in section.calibrations for language in section.mixture(name)
        }
        return {corpus: sorted(language for name, language in drawn if name == corpus) for corpus, _ in sorted(drawn)}

    def corpus_of(self, calibration: str) -> str:
        """The corpus that a calibration draws from."""
        control = self.calibration.controls.get(calibration)
        return (control and control.corpus) or self.calibration.corpus

    @model_validator(mode="after")
    def _enough_documents(self) -> "Study":
        corpus = self.corpora.get(self.evaluation.corpus)
        if isinstance(corpus, EmbeddedCorpus) and self.evaluation.documents > EMBEDDED_EVALUATION:
            raise ValueError(
                f"evaluation.documents is {self.evaluation.documents}, and the embedded corpus keeps "
                f"{EMBEDDED_EVALUATION} documents a language for evaluation: take fewer, or another corpus"
            )
        return self

    @model_validator(mode="after")
    def _no_leak(self) -> "Study":
        evaluation = self.evaluation.corpus
        place = _place_of(self.corpora.get(evaluation))
        for name in self.calibration_languages():
            if name != evaluation and place is not None and _place_of(self.corpora.get(name)) == place:
                raise ValueError(
                    f"corpora {name} and {evaluation} read the same texts ({place}), so that calibration texts would be "
                    "evaluated on: use one corpus for both, whose splits are disjoint"
                )
        return self

    @model_validator(mode="after")
    def _patterns_fit(self) -> "Study":
        for text in self.pruning.patterns:
            pattern = parse_pattern(text)
            if "sparsegpt" in self.pruning.methods and isinstance(pattern, NofM) and COLUMNS % pattern.of:
                raise ValueError(
                    f"SparseGPT prunes {COLUMNS} columns at a time, which the groups of {text} do not divide: "
                    "take 2:4 or 4:8, or leave sparsegpt out"
                )
        return self

    @model_validator(mode="after")
    def _corpora_there(self) -> "Study":
        drawn = [("calibration", name, languages) for name, languages in self.calibration_languages().items()]
        for section, name, languages in [*drawn, ("evaluation", self.evaluation.corpus, self.evaluation.languages)]:
            if name not in self.corpora:
                raise ValueError(
                    f"{section}.corpus is {name}, which corpora does not define: it defines {', '.join(self.corpora)}"
                )
            there = _languages_of(self.corpora[name])
            missing = [language for language in languages if there is not None and language not in there]
            if missing:
                raise ValueError(
                    f"{section} wants {missing[0]}, which corpus {name} does not have: it has {', '.join(sorted(there))}"
                )
        return self


def _place_of(corpus: Section | None) -> str | None:
    """Where the texts of a corpus are, to tell whether two corpora share them."""
    if isinstance(corpus, LocalCorpus):
        return str(Path(corpus.path).resolve())
    return getattr(corpus, "name", getattr(corpus, "kind", None))


def _languages_of(corpus: Section) -> list[str] | None:
    """The languages of a corpus, None where only its hub knows."""
    if corpus.kind == "hub":
        return None
    source = get_source(corpus.kind)
    return source.languages(source.Options(**corpus.model_dump(exclude={"kind"})))


def corpus_files(corpus: Section, language: str) -> list[Path]:
    """The files that a language of a corpus is read from, for the workflow to depend on; none for a hub."""
    source = get_source(corpus.kind)
    return source.input_files(language, source.Options(**corpus.model_dump(exclude={"kind"})))


def read_study(config: dict[str, Any]) -> Study:
    """Validate a parsed configuration.

    Raises:
        StudyError: in one sentence a problem: the place, what is wrong, how to mend it.
    """
    try:
        return Study.model_validate(config)
    except ValidationError as error:
        raise StudyError("\n".join(_sentence(problem, config) for problem in error.errors())) from None


def _sentence(problem: dict[str, Any], config: Any) -> str:
    place = [str(part) for part in problem["loc"]]
    if place[0:1] == ["corpora"] and len(place) > 2:
        # The kind that tells corpora apart is no key of the file.
        del place[2]
    where = ".".join(place) or "the study"
    if problem["type"].startswith("union_tag"):
        return f"{where}.kind: it says which corpus this is: write one of embedded, local, hub."
    if problem["type"] == "extra_forbidden":
        closest = difflib.get_close_matches(place[-1], _keys(), n=1)
        hint = f"did you mean {closest[0]}?" if closest else "remove it."
        return f"{where}: there is no such key; {hint}"
    if problem["type"] == "missing":
        return f"{where}: this key is missing; add it (config.yaml explains every key)."
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if isinstance(problem["input"], dict | list | BaseModel) else f" (found {problem['input']!r})"
    return f"{where}: {message.rstrip('.')}{given}."


def _keys() -> list[str]:
    sections: list[type[BaseModel]] = [Study, *Section.__subclasses__()]
    return sorted({key for section in sections for key in section.model_fields})
