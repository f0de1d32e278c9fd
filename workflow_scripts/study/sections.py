"""The sections of a study and their keys. The text below a key is its documentation, in docs/configuration.md."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from workflow_scripts.artifacts.paths import Grid, cloze_languages
from workflow_scripts.corpora.languages import canonical, check_spellings
from workflow_scripts.corpora.mixtures import shares, spell_mixture
from workflow_scripts.corpora.sources import get_source
from workflow_scripts.evaluation.questions import MKQA_LANGUAGES, QuestionsError, languages_of, spelled
from workflow_scripts.evaluation.tasks.families import FAMILIES
from workflow_scripts.study.values import (
    CalibrationName,
    ClozeItems,
    DataSet,
    FilePath,
    Flag,
    FromZero,
    HubName,
    Label,
    Language,
    Languages,
    Length,
    Memory,
    Method,
    Name,
    Pattern,
    Positive,
    Prompt,
    Revision,
    Share,
    TaskName,
    TaskNames,
    Text,
    Weight,
    by_language,
    unique_list,
)


class Section(BaseModel):
    """Part of a study: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelSource(Section):
    """Where a model comes from: exactly one of `packaged`, `path`, `gguf` and `hub`."""

    packaged: Text | None = None
    """name of a model that comes as Python packages, with envs/requirements.txt"""
    path: FilePath | None = None
    """local checkpoint directory with config.json, *.safetensors and a tokenizer"""
    gguf: FilePath | None = None
    """GGUF file, dequantised once"""
    hub: HubName | None = None
    """hub model"""
    revision: Revision | None = None
    """commit, tag or branch of the hub model; better the commit, which never changes"""
    trust_remote_code: Flag = False
    """run the code that comes with the model of a path or of the hub; it can do on this machine what you can: read it first"""

    @model_validator(mode="after")
    def _one_kind(self) -> "ModelSource":
        kinds = [kind for kind in ("packaged", "path", "gguf", "hub") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            found = f"it names {' and '.join(kinds)}" if kinds else "it names none"
            raise ValueError(f"a model comes from exactly one of packaged, path, gguf and hub, and {found}; keep one")
        if self.hub is not None and self.revision is None:
            raise ValueError("hub goes with revision; add the commit that the results shall stand for")
        if self.hub is None and self.revision is not None:
            raise ValueError("revision goes with hub alone; remove it")
        if self.trust_remote_code and self.hub is None and self.path is None:
            raise ValueError("trust_remote_code goes with path or hub alone; remove it")
        return self


class EmbeddedCorpus(Section):
    """The parallel corpus that comes with polyprune: short texts in a few languages."""

    kind: Literal["embedded"]
    """says which kind of corpus this is"""

    @property
    def stated(self) -> dict[str, Any]:
        """What the report says of the texts."""
        return {"source": "polyprune embedded corpus", "licence": "CC-BY-4.0", "machine_written": True}


class LocalCorpus(Section):
    """Text files of yours: per language a file (`sw.txt`, `.jsonl`, `.csv`, `.tsv`, also packed as `.gz`, or `.parquet`) or a folder
    of such files below `path`."""

    kind: Literal["local"]
    """says which kind of corpus this is"""
    path: FilePath
    """folder with the files of all languages"""
    text: Text = "text"
    """column of the text, but in .txt"""
    evaluation_share: Share = 0.5
    """share of the documents kept for evaluation; 1 for a corpus that is evaluated on only"""
    source: Label = ""
    """where the texts come from, for the report"""
    licence: Label = ""
    """their licence, for the report"""

    @property
    def stated(self) -> dict[str, Any]:
        """What the report says of the texts."""
        return {"source": self.source, "licence": self.licence, "machine_written": False}


class HubCorpus(Section):
    """A hub data set, read in streaming mode."""

    kind: Literal["hub"]
    """says which kind of corpus this is"""
    name: DataSet
    """the data set, `organisation/data set`, or a local folder laid out like its repository"""
    configurations: by_language(Text) = {}
    """the data set's configuration for a language, where it is not the language's code"""
    split: Text = "train"
    """split of the data set that is read"""
    text: Text = "text"
    """column of the text"""
    revision: Revision | None = None
    """commit, tag or branch; a commit keeps the corpus from changing"""
    documents: Positive = 1000
    """documents of a language taken from the start of the split"""
    minimum_characters: FromZero = 200
    """documents shorter than this are passed over"""
    evaluation_share: Share = 0.5
    """share of the documents kept for evaluation; 1 for a corpus that is evaluated on only"""
    source: Label = ""
    """where the texts come from, for the report; the data set's name when empty"""
    licence: Label = ""
    """their licence, for the report"""

    @property
    def stated(self) -> dict[str, Any]:
        """What the report says of the texts; of a local folder in place of a data set the last name alone."""
        name = Path(self.name).name if Path(self.name).is_dir() else self.name
        return {"source": self.source or name, "licence": self.licence, "machine_written": False}


STATED = ("source", "licence")
"""Keys of a corpus that the report alone is told of."""

Corpus = Annotated[EmbeddedCorpus | LocalCorpus | HubCorpus, Field(discriminator="kind")]


with warnings.catch_warnings():
    # A key may be called as a method of abstract base classes is, which no section uses.
    warnings.filterwarnings("ignore", message='Field name "register"')

    class Control(Section):
        """A calibration that takes something away from a language, or its texts from elsewhere: a baseline."""

        kind: Literal["random", "shuffled", "generated", "register", "corpus"]
        """random: random tokens; shuffled: the words of the texts in random order; generated: texts that the dense model
        writes itself; register: one register of the corpus; corpus: the texts of another corpus"""
        language: Language
        """language of the texts; for random tokens, the language whose texts give their number and lengths"""
        register: Name | None = None
        """for kind register: which one, as the corpus labels it"""
        corpus: Name | None = None
        """for kind corpus: which of `corpora`"""

        @property
        def tokens(self) -> str:
            """Name of the file of tokens in the corpus's folder."""
            return self.language if self.kind == "corpus" else self.folder

        @property
        def folder(self) -> str:
            """The control in paths."""
            source = self.register or self.corpus
            return f"{self.language}~{self.kind}" + (f"-{source}" if source else "")

        @model_validator(mode="after")
        def _what_the_kind_needs(self) -> "Control":
            for kind, value in (("register", self.register), ("corpus", self.corpus)):
                if self.kind == kind and value is None:
                    raise ValueError(f"a control of kind {kind} needs the key {kind}; add it")
                if self.kind != kind and value is not None:
                    raise ValueError(f"a control of kind {self.kind} has no use for the key {kind}; remove it")
            return self


class Calibration(Section):
    """The texts that go through the model before it is pruned, and how they are cut."""

    corpus: Name
    """which of `corpora` the texts come from"""
    mixtures: dict[Name, Annotated[by_language(Weight), Field(min_length=1)]] = {}
    """named mixtures of languages with weights; a language by itself, or en+sw, needs no entry"""
    controls: dict[Name, Control] = {}
    """named controls: baselines that show what about a language matters"""
    calibrations: unique_list(CalibrationName)
    """languages, or names of mixtures and controls; `en+sw` is a mixture in equal parts"""
    windows: Positive | None = None
    """windows in all, shared out among the languages of a mixture: calibrations are matched on tokens"""
    documents: Positive | None = None
    """in place of windows: documents a seed, in as many windows as they fill: matched on content, on a parallel corpus"""
    length: Length
    """tokens a window"""
    sampling: Literal["packed", "long"] = "packed"
    """packed: documents one after the other; long: a window from each document that is longer, as published"""
    seeds: unique_list(FromZero)
    """draws of calibration documents: seed s takes the s-th disjoint share, counted from 0"""

    @property
    def sample(self) -> str:
        """Name of the sample in paths."""
        suffix = "" if self.sampling == "packed" else f"-{self.sampling}"
        size = f"{self.windows}x" if self.documents is None else f"{self.documents}docsx"
        return f"{self.corpus}-{size}{self.length}{suffix}"

    @property
    def shares(self) -> int:
        """What a mixture shares out among its languages: windows, or documents."""
        return self.windows or self.documents

    def corpus_of(self, name: str) -> str:
        """The corpus that a calibration draws from."""
        return (name in self.controls and self.controls[name].corpus) or self.corpus

    def folder(self, name: str) -> str:
        """A calibration in paths: what it is, whatever the study calls it, so that studies share what is equal."""
        if name in self.controls:
            return self.controls[name].folder
        return spell_mixture(self._weights(name))

    def name_of(self, folder: str) -> str:
        """What the study calls a calibration that is spelled as in paths."""
        return next((name for name in self.calibrations if self.folder(name) == folder), folder)

    def kind(self, name: str) -> Literal["language", "mixture", "control"]:
        """What a calibration is; only those in one language, named as it, count as languages."""
        if name in self.controls:
            return "control"
        return "language" if self.mixture(name) == {name: 1.0} else "mixture"

    @field_validator("calibrations")
    @classmethod
    def _one_name_a_language(cls, names: list[str], info: ValidationInfo) -> list[str]:
        defined = {*info.data.get("mixtures", {}), *info.data.get("controls", {})}
        check_spellings(name for name in names if name not in defined)
        return [name if name in defined else "+".join(map(canonical, name.split("+"))) for name in names]

    @model_validator(mode="after")
    def _one_size(self) -> "Calibration":
        if (self.windows is None) == (self.documents is None):
            raise ValueError(
                "it takes either windows, to match calibrations on tokens, or documents, to match them on content; "
                f"{'add one of them' if self.windows is None else 'remove one'}"
            )
        if self.documents and self.sampling != "packed":
            raise ValueError("documents go with sampling packed; remove sampling, or give windows")
        return self

    def mixture(self, name: str) -> dict[str, float]:
        """Language -> share, summing to 1."""
        if name in self.controls:
            return {self.controls[name].language: 1.0}
        return {language: float(share) for language, share in shares(self._weights(name)).items()}

    def _weights(self, name: str) -> dict[str, float]:
        return self.mixtures.get(name) or dict.fromkeys(name.split("+"), 1.0)


class Pruning(Section):
    """How models are pruned: methods and patterns."""

    methods: unique_list(Method)
    """criteria that use the calibration; magnitude is always computed beside them, as the floor"""
    patterns: unique_list(Pattern)
    """which weights may go: 0.5 prunes half of them, "2:4" keeps 2 of every 4 consecutive inputs"""
    propagation: Literal["sequential"] = "sequential"
    """sequential: a block sees the output of the already pruned blocks"""
    batch: Positive = 1
    """windows that go through the model at a time; part of the artifact, and faster with more on a GPU"""
    memory: Memory = "auto"
    """what a job that prunes may take in all; auto: what is available. Where it is short, hidden states go to a file; no part
    of the artifact"""


class Questions(Section):
    """Open questions in MKQA's form, answered in free text: from exactly one of `hub` and `path`."""

    hub: HubName | None = None
    """data set on the hub in MKQA's form"""
    revision: Revision | None = None
    """commit, tag or branch of the data set; of apple/mkqa refs/convert/parquet, for its main branch holds a script alone"""
    path: FilePath | None = None
    """file in MKQA's form, .jsonl or .jsonl.gz"""
    name: Name = "mkqa"
    """name of the questions in paths and tables"""
    items: Positive = 100
    """questions a language, from the first on; asked in the evaluated languages that the questions are in"""
    tokens: Positive = 16
    """tokens of an answer at most; it ends with its first line"""
    answerable: Flag = True
    """leave out questions without a short answer, of the types unanswerable and long_answer; with false they count as MKQA's own
    script has it: an empty answer is right"""
    prompts: by_language(Prompt) = {}
    """language -> how a question is put, where the words for Question and Answer shall not do"""
    batch: Positive = 8
    """questions that are answered at a time"""

    @model_validator(mode="after")
    def _one_source(self) -> "Questions":
        if (self.hub is None) == (self.path is None):
            found = "it names none" if self.hub is None else "it names both"
            raise ValueError(f"questions come from exactly one of hub and path, and {found}; keep one")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("hub and revision go together; add the one or remove the other")
        return self

    @property
    def collected(self) -> str:
        """Name of the collected questions in paths."""
        return f"{self.name}-{self.items}" if self.answerable else f"{self.name}-{self.items}all"

    @property
    def sample(self) -> str:
        """Name of how they are asked in paths."""
        return f"{self.collected}x{self.tokens}"

    def languages(self, evaluated: Iterable[str]) -> list[str]:
        """The evaluated languages that the questions are in; none of a file that cannot be read (a check says so)."""
        try:
            there = MKQA_LANGUAGES if self.path is None else languages_of(Path(self.path))
        except (QuestionsError, OSError):
            return []
        return sorted(language for language in evaluated if spelled(language, there))


class Continuations(Section):
    """Beginnings of evaluation documents that models continue, to see whether they keep to the language."""

    prompts: Positive = 8
    """evaluation documents a language, from the first on, of which the beginning is continued"""
    opening: Positive = 16
    """tokens of a document that the model is shown"""
    tokens: Positive = 48
    """tokens that it writes at most"""
    batch: Positive = 8
    """texts that are written at a time"""

    @property
    def sample(self) -> str:
        """Name of prompts and continuations in paths, after the corpus's."""
        return f"{self.prompts}x{self.opening}-{self.tokens}"


class Representations(Section):
    """Hidden states of parallel sentences at every block: language-specific subspaces, and errors on evaluation text."""

    documents: Positive = 8
    """evaluation documents a language, from the first on; their sentences must be the same in every language"""
    batch: Positive = 16
    """sentences at a time"""


class Activations(Section):
    """How often the neurons of feed-forward layers fire in a language, to tell language-specific ones (LAPE)."""

    tokens: Annotated[int, Field(ge=2)] = 4096
    """tokens a language, half of them from every other evaluation document; more make the neurons found more reliable"""
    batch: Positive = 4
    """windows at a time"""


class Evaluation(Section):
    """The texts on which perplexity is measured, and how."""

    corpus: Name
    """which of `corpora` the texts come from"""
    languages: Languages
    """languages that are evaluated, each by itself"""
    documents: Positive
    """evaluation documents a language, from the start of the corpus's evaluation split"""
    length: Length = 512
    """tokens that the model sees at a time"""
    protocol: Literal["document", "published"] = "document"
    """document: BOS in every window, every token scored; published: documents joined, the tail dropped"""
    batch: Positive = 4
    """windows at a time"""
    cloze: ClozeItems = 0
    """factual cloze items a language, from the embedded 200; scored in the languages that have them"""
    tasks: TaskNames = []
    """downstream tasks through lm-eval: families such as belebele, or names of task_files; in the languages that have them"""
    task_files: dict[TaskName, Annotated[by_language(FilePath), Field(min_length=1)]] = {}
    """tasks of yours: name -> language -> YAML of lm-eval's form"""
    task_data: dict[TaskName, FilePath] = {}
    """for families, where the hub is out of reach: name -> folder laid out like the data set's repository there"""
    task_items: FromZero = 200
    """items of a task, from the first on; 0 for all"""

    questions: Questions | None = None
    """open questions in MKQA's form, answered in free text; without this key none are asked"""
    continuations: Continuations | None = None
    """beginnings of evaluation documents that are continued; without this key none are, with {} those of its defaults"""

    representations: Representations | None = None
    """hidden states of parallel sentences; without this key none are kept, with {} those of its defaults"""
    activations: Activations | None = None
    """how often neurons fire; without this key they are not counted, with {} as its defaults say"""

    @field_validator("questions", "continuations", "representations", "activations", mode="before")
    @classmethod
    def _no_empty_section(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("there is nothing here; write {} for its defaults, or leave the key out")
        return value

    def question_languages(self) -> list[str]:
        """The languages that the study asks open questions in."""
        return self.questions.languages(self.languages) if self.questions else []

    def continuation_languages(self) -> list[str]:
        """The languages that the study has prompts continued in."""
        return sorted(self.languages) if self.continuations else []

    @property
    def continuation_sample(self) -> str:
        """Name of prompts and continuations in paths."""
        return f"{self.corpus}-{self.continuations.sample}" if self.continuations else ""

    @property
    def representation_sample(self) -> str:
        """Name of the sentences in paths."""
        return f"{self.corpus}-{self.representations.documents}" if self.representations else ""

    @property
    def activation_sample(self) -> str:
        """Name of the counted tokens in paths."""
        return f"{self.corpus}-{self.activations.tokens}x{self.length}" if self.activations else ""

    def cloze_languages(self) -> list[str]:
        """The languages that the study scores cloze items in."""
        return sorted(set(self.languages) & set(cloze_languages())) if self.cloze else []

    def task_languages(self, task: str) -> list[str]:
        """The languages that the study asks a task in."""
        there = self.task_files[task] if task in self.task_files else FAMILIES[task].languages
        return sorted(set(self.languages) & set(there))

    def task_sets(self) -> dict[tuple[str, ...], list[str]]:
        """Tasks that are asked together -> the languages that have just these."""
        sets: dict[tuple[str, ...], list[str]] = {}
        for language in sorted(self.languages):
            tasks = tuple(task for task in sorted(self.tasks) if language in self.task_languages(task))
            if tasks:
                sets.setdefault(tasks, []).append(language)
        return sets

    @property
    def sample(self) -> str:
        """Name of the evaluation sample in paths."""
        suffix = "" if self.protocol == "document" else f"-{self.protocol}"
        return f"{self.corpus}-{self.documents}x{self.length}{suffix}"


class Compute(Section):
    """Where models run, and how precisely."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: cuda where there is one, else mps, else the CPU"""
    dtype: Literal["auto", "float32", "bfloat16", "float16", "float64"] = "auto"
    """auto: float32 on the CPU, the checkpoint's own elsewhere"""
    threads: Positive = 1
    """threads of one job; part of the artifact, for the last bits of a sum depend on it"""


class Keep(Section):
    """Which large or replaceable artifacts outlive a run; they can be made again, masks are always kept."""

    weights: Flag = True
    """kept weights of the methods that change them"""
    windows: Flag = True
    """calibration windows"""
    dense: Flag = True
    """weights of packaged and GGUF models, restored to plain numbers; a user's own files are never touched"""


class Study(Section):
    """One configuration: models x calibrations x methods x patterns x seeds, and what is evaluated."""

    study: Name
    """name of the study, and of its folder below results/reports"""
    models: Annotated[dict[Name, ModelSource], Field(min_length=1)]
    """the models to prune, each under a name of your choice"""
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    """the sources of texts, each under a name of your choice"""
    calibration: Calibration
    pruning: Pruning
    evaluation: Evaluation
    compute: Compute = Compute()
    keep: Keep = Keep()

    def grid(self) -> Grid:
        """The lists that span the study's variants and evaluations, sorted, patterns and calibrations as in paths."""
        names = {self.calibration.folder(name): name for name in self.calibration.calibrations}
        return Grid(
            models=tuple(sorted(self.models)),
            methods=tuple(sorted(self.pruning.methods)),
            patterns=tuple(sorted(self.pruning.patterns)),
            sample=self.calibration.sample,
            propagation=self.pruning.propagation,
            calibrations=tuple(sorted(names)),
            names=tuple(names[calibration] for calibration in sorted(names)),
            seeds=tuple(sorted(self.calibration.seeds)),
            evaluation=self.evaluation.sample,
            languages=tuple(sorted(self.evaluation.languages)),
            cloze=self.evaluation.cloze,
            cloze_languages=tuple(self.evaluation.cloze_languages()),
        )

    def calibration_languages(self) -> dict[str, list[str]]:
        """Corpus -> the languages that any calibration draws from it."""
        section, drawn = self.calibration, {}
        for name in section.calibrations:
            drawn.setdefault(section.corpus_of(name), set()).update(section.mixture(name))
        return {corpus: sorted(drawn[corpus]) for corpus in sorted(drawn)}


def numbered(rule: str, number: int) -> str:
    """Name of the rule for the number-th set of tasks: Snakemake wants a rule for each set of outputs."""
    return rule if number == 1 else f"{rule}_{number}"


def corpus_files(corpus: Section, language: str) -> list[Path]:
    """The files that a language of a corpus is read from, for the workflow to depend on; none for a hub."""
    return get_source(corpus.kind).input_files(language, corpus_options(corpus))


def corpus_options(corpus: Section) -> Any:
    """The options of a corpus's source."""
    return get_source(corpus.kind).Options(**corpus.model_dump(exclude={"kind", *STATED}))
