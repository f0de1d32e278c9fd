# Reads the study and says which files it wants; imports no torch, for every job parses this again.
import gc
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from shlex import quote
from shutil import rmtree
from typing import NamedTuple

# polyprune's folder, also where another workflow uses it as a module.
HOME = os.path.dirname(
    workflow.current_basedir.get_path_or_uri(secret_free=True).rstrip("/")
)
sys.path.insert(0, HOME)
from workflow_scripts.wiring import cluster
from workflow_scripts.artifacts import paths
from workflow_scripts import study
from workflow_scripts.analysis.seeds import FEWEST_SEEDS, FEWEST_TO_CLUSTER
from workflow_scripts.artifacts.files import canonical_json
from workflow_scripts.artifacts.code_digest import code_of
from workflow_scripts.runtime.controller import VARIABLE as CONTROLLER
from workflow_scripts.evaluation.tasks.definitions import task_inputs
from workflow_scripts.evaluation.tasks.families import FAMILIES, OWN
from workflow_scripts.wiring.console import show_progress
from workflow_scripts.wiring.endings import describe_failure, describe_report
from workflow_scripts.runtime.locks import another_run
from workflow_scripts.models.catalogue import checkpoint_files
from workflow_scripts.models.copies import drop_weights
from workflow_scripts.artifacts.paths import Variant
from workflow_scripts.pruning.methods.declaring import declared_methods
from workflow_scripts.wiring.reproduction import reproduction
from workflow_scripts.reporting.registry import figure_files, section_modules
from workflow_scripts.study.file import index_study

# What is imported by now is never garbage: to look for it there took a quarter of the time of a dry run.
gc.freeze()

# Steps run as `python -m workflow_scripts.steps.<step>`, from whatever working directory. Their output goes to logs, where the
# progress bars of libraries that do not look for a terminal would be noise.
shell.prefix(
    f"export PYTHONPATH={quote(HOME)}:${{{{PYTHONPATH:-}}}} TQDM_DISABLE=1 {CONTROLLER}=$PPID; "
)

# A study given with --configfile replaces the default and never merges with it.
if not workflow.overwrite_configfiles:

    configfile: f"{HOME}/config.yaml"


if len(workflow.overwrite_configfiles) > 1:
    logger.error(
        "--configfile names several studies, which Snakemake would merge: "
        f"{', '.join(map(str, workflow.overwrite_configfiles))}. Name one, and run the others after it."
    )
    sys.exit(1)

try:
    # A module's study is the caller's, whose file that is.
    default = (
        workflow.configfiles if workflow.modifier.is_module else [f"{HOME}/config.yaml"]
    )
    given = [*(workflow.overwrite_configfiles or default), None][0]
    STUDY = study.read_study(
        config,
        index_study(Path(given)) if given else None,
        # The texts are read once, and not again by every job of a cluster.
        with_texts=workflow.is_main_process,
    )
except study.StudyError as error:
    # An exception would show this file and line, where nothing is wrong.
    logger.error(f"The study cannot be run:\n{error}")
    sys.exit(1)


if workflow.is_main_process:
    show_progress(logger, workflow.output_settings)
    for remark in study.remarks(STUDY):
        logger.warning(remark)


if workflow.is_main_process and (sentence := another_run(Path.cwd(), sys.argv)):
    logger.error(sentence)
    sys.exit(1)

MISSING_HERE = study.not_here(STUDY.compute) if workflow.is_main_process else ""
if MISSING_HERE:
    # Whether jobs run here is known when they begin; on a cluster they run elsewhere.
    logger.warning(MISSING_HERE)


def methods(changing_weights):
    """A wildcard pattern of the methods that change kept weights, or of those that do not."""
    return "|".join(
        name
        for name, method in declared_methods().items()
        if method.changes_weights == changing_weights
    )


RESULTS = "results"
# What pruning jobs have done so far.
PROGRESS = "progress"

recorded = next(Path(".snakemake/metadata").glob("*"), None)
if workflow.is_main_process and next(Path(RESULTS).glob("*/*"), None) and not recorded:
    logger.warning(
        "The results here came without Snakemake's records (.snakemake/): what is out of date among them will not be seen. "
        "Check them with python -m workflow_scripts verify, which says how to go on."
    )

GRID = STUDY.grid()
# What steps are told that read masks and no evaluations: a further evaluation language does not concern them.
MASK_GRID = replace(GRID, evaluation="", languages=(), cloze=0, cloze_languages=())
# The same of perplexity and cloze items, which do not concern each other.
PERPLEXITY_GRID = replace(GRID, cloze=0, cloze_languages=())
CLOZE_GRID = replace(GRID, evaluation="", languages=())
# Tasks that a job asks together -> the languages that have just these, and how many items of a task, as in paths.
TASK_SETS = STUDY.evaluation.task_sets()
TASK_ITEMS = str(STUDY.evaluation.task_items or "all")
REPORTS = f"{RESULTS}/reports/{STUDY.study}"
RECORD = f"{RESULTS}/models/{{model}}/provenance.json"
TOKENS = f"{RESULTS}/tokens/{{model}}/{{corpus}}/{{language}}.parquet"
EVALUATED = f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet"
EVALUATED_DOCUMENTS = (
    f"{RESULTS}/corpora/{STUDY.evaluation.corpus}/{{language}}.parquet"
)
STATES = f"{RESULTS}/states/{{model}}/{GRID.evaluation}/{{language}}.safetensors"
CLOZE = f"{RESULTS}/cloze/{{model}}/{{language}}.parquet"
ASKED = STUDY.evaluation.questions
QUESTIONS = f"{RESULTS}/question_sets/{ASKED.collected if ASKED else paths.NONE}/{{language}}.parquet"
ANSWERS = ASKED.sample if ASKED else paths.NONE
QUESTION_LANGUAGES = STUDY.evaluation.question_languages()
CONTINUED = STUDY.evaluation.continuation_sample or paths.NONE
CONTINUATION_LANGUAGES = STUDY.evaluation.continuation_languages()
REPRESENTED = STUDY.evaluation.representation_sample or paths.NONE
COUNTED = STUDY.evaluation.activation_sample or paths.NONE
VARIANT = f"{RESULTS}/pruned/{{model}}/{{method}}/{{pattern}}/{{sample}}/{{calibration}}/{{seed}}"
REPORT = f"{REPORTS}/report.html"
BEGUN = time.time()
CLOZE_TABLES = ["cloze_effects", "cloze_matrix"] if GRID.cloze_languages else []
TASK_TABLES = ["task_effects", "task_matrix"] if TASK_SETS else []
QUESTION_TABLES = (
    ["questions_effects", "questions_matrix"] if QUESTION_LANGUAGES else []
)
FIDELITY_TABLES = (
    ["continuation_examples", "fidelity_effects", "fidelity_matrix"]
    if CONTINUATION_LANGUAGES
    else []
)
# With fewer seeds there is no interval that speaks of a language.
WITHIN_TABLES = ["within_mask"] if len(GRID.seeds) < FEWEST_SEEDS else []
TABLES = [
    *CLOZE_TABLES,
    *TASK_TABLES,
    *QUESTION_TABLES,
    *FIDELITY_TABLES,
    *WITHIN_TABLES,
    "baselines",
    "best_calibration",
    "choices",
    "divergence_effects",
    "effects",
    "error_by_block",
    "input_similarity",
    "layer_errors",
    "mask_clusters",
    "matrix",
    "mean_matrix",
    "one_for_all",
    "overlap_by_block",
    "overlap_by_module",
    "overlap_by_pair",
    "overlap_relations",
    "positions",
    "positions_by_module",
    "predicted_picks",
    "predictors",
]
REPRESENTATION_TABLES = (
    ["evaluation_error_effects", "evaluation_errors", "subspace_ranks", "subspaces"]
    if STUDY.evaluation.representations
    else []
)
ACTIVATION_TABLES = (
    ["lape_entropies", "neuron_overlap", "neurons", "neurons_by_block"]
    if STUDY.evaluation.activations
    else []
)
WITH_BASELINES = any(STUDY.calibration.kind(name) != "language" for name in GRID.names)
WITH_TREE = (
    sum(STUDY.calibration.kind(name) == "language" for name in GRID.names)
    >= FEWEST_TO_CLUSTER
)
# Tables that will have nothing to show, as is known before any job.
SILENT = {
    *([] if WITH_BASELINES else ["baselines"]),
    *([] if WITH_TREE else ["mask_clusters"]),
    *([] if len(GRID.names) > 1 else ["best_calibration"]),
}
FIGURES = figure_files({*TABLES, *REPRESENTATION_TABLES, *ACTIVATION_TABLES} - SILENT)
SAMPLE = re.escape(f"{GRID.sample}-{GRID.propagation}")
# Figures and report call methods as these say.
DECLARED_METHODS = [
    f"pruning.methods.{name}.declaration" for name in ("magnitude", *GRID.methods)
]
MASKS_ONLY = methods(changing_weights=False)
CHANGING_WEIGHTS = methods(changing_weights=True)


wildcard_constraints:
    model="[^/]+",
    corpus="[^/]+",
    # A tilde sets a control apart from its language.
    language="[^/~]+",
    control="[^/~]+",
    method="[^/]+",
    pattern="[^/]+",
    # A path can only name the sample that this study draws.
    sample=f"none|{SAMPLE}",
    calibration="[^/]+",
    seed="[0-9]+",


def files(wildcards, input, output):
    """A step's file arguments: inputs and outputs are named as the arguments are."""
    named = [*input.items(), *output.items()]
    return " ".join(
        f"--{name} {quote(str(path))}"
        for name, entry in named
        for path in ([entry] if isinstance(entry, (str, Path)) else entry)
    )


def kept(artifact, path):
    """An output that `keep` may have deleted as soon as no job of the run reads it any more."""
    return path if getattr(STUDY.keep, artifact) else temp(path)


def gpus():
    """GPUs that a job on a model wants."""
    device = STUDY.compute.device
    return cluster.gpus_of_auto() if device == "auto" else int(device == "cuda")


def model_source(wildcards):
    """The packaged or hub model that `prepare_model` is told of."""
    source = STUDY.models[wildcards.model]
    told = source.model_dump(exclude={"path", "gguf"}, exclude_defaults=True)
    return canonical_json(told)


def model_files(wildcards):
    """The files of a local model that `prepare_model` starts from."""
    source = STUDY.models[wildcards.model]
    if source.gguf:
        return {"gguf": source.gguf}
    if source.path:
        found = checkpoint_files(Path(source.path), source.trust_remote_code)
        return {"checkpoint": found}
    return {}


def corpus_options(wildcards):
    """Source, language and options that `collect_documents` is told of."""
    corpus = STUDY.corpora[wildcards.corpus]
    options = corpus.model_dump(exclude={"kind", "path", *study.STATED})
    if "configurations" in options:
        configurations = options["configurations"]
        options["configurations"] = {
            wildcards.language: configurations.get(
                wildcards.language, wildcards.language
            )
        }
    return canonical_json(
        {"kind": corpus.kind, "language": wildcards.language, "options": options}
    )


def corpus_path(wildcards):
    """The folder of a local corpus as an argument."""
    path = getattr(STUDY.corpora[wildcards.corpus], "path", None)
    return f"--path {quote(path)}" if path else ""


def as_seen_from_here(path):
    """A file that comes with polyprune by its relative path, which stays where all is moved; others as the study has them."""
    inside = Path(path).is_relative_to(HOME)
    return os.path.relpath(path) if inside else str(path)


def corpus_files(wildcards):
    """The files that a language of a corpus is read from."""
    found = study.corpus_files(STUDY.corpora[wildcards.corpus], wildcards.language)
    return [as_seen_from_here(path) for path in found]


def control_of(wildcards):
    """The control that a file of tokens belongs to."""
    name = f"{wildcards.language}~{wildcards.control}"
    return next(
        control
        for control in STUDY.calibration.controls.values()
        if control.tokens == name
    )


def control_parameters(wildcards):
    """What `make_control` is told."""
    control = control_of(wildcards)
    compute = (
        {"compute": STUDY.compute.model_dump()} if control.kind == "generated" else {}
    )
    return canonical_json(
        {"kind": control.kind, "register": control.register} | compute
    )


def control_code(wildcards):
    """Digest of the code of `make_control`, of the chosen kind alone."""
    return code_of("steps.make_control", f"controls.{control_of(wildcards).kind}")


def control_gpus(wildcards):
    """GPUs that a control wants: only generated text needs the model."""
    return gpus() if control_of(wildcards).kind == "generated" else 0


def windows_of(wildcards):
    """The calibration windows of a variant, none for methods without calibration."""
    if wildcards.sample == paths.NONE:
        return {}
    windows = f"{RESULTS}/calibration/{{model}}/{GRID.sample}/{{calibration}}/{{seed}}.parquet"
    return {"windows": windows.format(**wildcards)}


def calibration_tokens(wildcards):
    """The tokens of all languages of a calibration, or of its control."""
    name = STUDY.calibration.name_of(wildcards.calibration)
    return expand(
        TOKENS,
        model=wildcards.model,
        corpus=STUDY.calibration.corpus_of(name),
        language=sources_of(name),
    )


def sources_of(calibration):
    """File of tokens, without its ending -> share of a calibration."""
    control = STUDY.calibration.controls.get(calibration)
    return {control.tokens: 1.0} if control else STUDY.calibration.mixture(calibration)


def calibration_parameters(wildcards):
    """What `sample_calibration` is told."""
    section = STUDY.calibration
    name = section.name_of(wildcards.calibration)
    return canonical_json(
        {
            "corpus": section.corpus_of(name),
            "mixture": sources_of(name),
            "windows": section.windows,
            "documents": section.documents,
            "length": section.length,
            "sampling": section.sampling,
            "seed": int(wildcards.seed),
        }
    )


def pruning_parameters(wildcards):
    """What `prune_model` is told."""
    own = {"method": wildcards.method, "pattern": wildcards.pattern}
    if wildcards.sample != paths.NONE:
        own["batch"] = STUDY.pruning.batch
    return canonical_json(own | STUDY.compute.model_dump())


def pruning_code(wildcards):
    """Digest of the code of `prune_model`, of the chosen method alone."""
    return code_of("steps.prune_model", f"pruning.methods.{wildcards.method}.method")


def perplexity_parameters():
    """What `collect_states` and `measure_perplexity` are told."""
    keys = {"documents", "length", "protocol", "batch"}
    return canonical_json(
        STUDY.evaluation.model_dump(include=keys) | STUDY.compute.model_dump()
    )


def cloze_parameters():
    """What `score_cloze` is told."""
    return canonical_json(
        {
            "items": GRID.cloze,
            "tokens": STUDY.evaluation.batch * STUDY.evaluation.length,
        }
        | STUDY.compute.model_dump()
    )


def cloze_items(wildcards):
    """The embedded cloze items of a language."""
    return as_seen_from_here(paths.cloze_items(wildcards.language))


def question_source(wildcards):
    """The file that questions are read from; none for the hub."""
    return {"source": ASKED.path} if ASKED and ASKED.path else {}


def question_parameters(wildcards):
    """What `collect_questions` is told."""
    keys = {"items", "answerable", "hub", "revision"}
    told = ASKED.model_dump(include=keys, exclude_none=True)
    return canonical_json(told | {"language": wildcards.language})


def answer_parameters(wildcards):
    """What `answer_questions` is told."""
    own = {
        "language": wildcards.language,
        "prompt": ASKED.prompts.get(wildcards.language),
        "scored_tokens": STUDY.evaluation.batch * STUDY.evaluation.length,
    }
    told = ASKED.model_dump(include={"tokens", "batch"})
    return canonical_json(told | own | STUDY.compute.model_dump())


def continuation_parameters(wildcards):
    """What `continue_prompts` is told."""
    return canonical_json(
        STUDY.evaluation.continuations.model_dump() | STUDY.compute.model_dump()
    )


def representation_parameters(wildcards):
    """What `collect_representations` is told."""
    return canonical_json(
        STUDY.evaluation.representations.model_dump() | STUDY.compute.model_dump()
    )


def activation_parameters(wildcards):
    """What `count_activations` is told."""
    own = STUDY.evaluation.activations.model_dump()
    length = {"length": STUDY.evaluation.length}
    return canonical_json(own | length | STUDY.compute.model_dump())


def representation_targets():
    """All representations of the study, of one that keeps any."""
    languages = GRID.languages if STUDY.evaluation.representations else ()
    return [
        paths.representations_path(RESULTS, model, variant, REPRESENTED, language)
        for model, variant, language in product(GRID.models, GRID.variants(), languages)
    ]


def activation_targets():
    """All counts of firing neurons of the study, of one that has any."""
    languages = GRID.languages if STUDY.evaluation.activations else ()
    return [
        paths.activations_path(RESULTS, model, variant, COUNTED, language)
        for model, variant, language in product(GRID.models, GRID.variants(), languages)
    ]


def analysis_tables():
    """The tables that figures and report are made of."""
    names = [*TABLES, *REPRESENTATION_TABLES, *ACTIVATION_TABLES]
    return expand(f"{REPORTS}/tables/{{table}}.parquet", table=names)


def answer_targets():
    """All answers of the study to open questions."""
    return [
        paths.answers_path(RESULTS, model, variant, ANSWERS, language)
        for model, variant, language in product(
            GRID.models, GRID.variants(), QUESTION_LANGUAGES
        )
    ]


def continuation_targets():
    """All continuations of the study."""
    return [
        paths.continuations_path(RESULTS, model, variant, CONTINUED, language)
        for model, variant, language in product(
            GRID.models, GRID.variants(), CONTINUATION_LANGUAGES
        )
    ]


def generated_tables():
    """The long tables of what models wrote, of a study that has any."""
    languages = {
        "questions": QUESTION_LANGUAGES,
        "continuations": CONTINUATION_LANGUAGES,
    }
    return {
        name: f"{REPORTS}/tables/{name}.parquet"
        for name, found in languages.items()
        if found
    }


def installed(library):
    """A library with its version, for steps whose results depend on it."""
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        # Steps may have an environment of their own, which is then a trigger.
        return library


class Together(NamedTuple):
    """Variants that a job evaluates: `name` is their part of a log's path, `series` the pattern of their wildcard."""

    name: str
    series: str
    variants: list[str]
    with_weights: bool = False
    priority: int = 0


TOGETHER = {
    "": Together(
        "{series}",
        f"({MASKS_ONLY})/[^/]+/{SAMPLE}",
        [
            f"{{series}}/{name}/{seed}"
            for name, seed in product(GRID.calibrations, GRID.seeds)
        ],
    ),
    "_of_weights": Together(
        "{series}",
        f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
        [f"{{series}}/{seed}" for seed in GRID.seeds],
        with_weights=True,
        priority=0 if STUDY.keep.weights else 1,
    ),
    "_uncalibrated": Together(
        "uncalibrated", "", [variant.path for variant in GRID.uncalibrated()]
    ),
}
"""Ending of a rule's name -> the variants of a job. The dense model, of which there is no mask, is the first of its job."""


class Measure(NamedTuple):
    """What the jobs of a step read of a language, the part of their logs' paths, where they write, what they are told."""

    inputs: Callable
    name: str
    folder: str
    parameters: str | Callable
    ending: str = "parquet"

    def path(self, variant):
        """The artifact of a variant in a language."""
        return f"{RESULTS}/{self.folder}/{{model}}/{variant}/{self.name}/{{language}}.{self.ending}"


def masks_of(together):
    """The mask stores of variants, and their kept weights where their methods change any, as a function of the wildcards."""
    found = {"masks": "masks.parquet"}
    if together.with_weights:
        found["weights"] = "weights.safetensors"
    variants = [variant for variant in together.variants if variant != paths.DENSE]
    return lambda wildcards: {
        role: [
            f"{RESULTS}/pruned/{variant}/{file}".format(**wildcards)
            for variant in (f"{{model}}/{variant}" for variant in variants)
        ]
        for role, file in found.items()
    }


def read(**inputs):
    """The inputs of a measure as a function of the wildcards."""
    return lambda wildcards: {
        role: path.format(**wildcards) for role, path in inputs.items()
    }


MEASURES = {
    "measure_perplexity": Measure(
        read(tokens=EVALUATED, states=STATES),
        GRID.evaluation,
        "perplexity",
        perplexity_parameters(),
    ),
    "score_cloze": Measure(
        read(cloze=CLOZE), f"cloze-{GRID.cloze}", "tasks", cloze_parameters()
    ),
    "answer_questions": Measure(
        read(questions=QUESTIONS), ANSWERS, "questions", answer_parameters
    ),
    "continue_prompts": Measure(
        read(tokens=EVALUATED), CONTINUED, "continuations", continuation_parameters
    ),
    "collect_representations": Measure(
        read(documents=EVALUATED_DOCUMENTS),
        REPRESENTED,
        "representations",
        representation_parameters,
        "safetensors",
    ),
    "count_activations": Measure(
        read(tokens=EVALUATED), COUNTED, "activations", activation_parameters
    ),
}
"""Step -> what its jobs need."""


def task_parameters():
    """What `score_tasks` is told of all tasks alike."""
    return canonical_json(
        {
            "items": STUDY.evaluation.task_items,
            "batch": STUDY.evaluation.batch,
            "lm_eval": version("lm-eval"),
        }
        | STUDY.compute.model_dump()
    )


def tasks_told(tasks):
    """What `score_tasks` is told of each task of a language, as a function of the wildcards."""
    return lambda wildcards: canonical_json(
        {
            f"task_{task}": (
                FAMILIES[task].told(wildcards.language) if task in FAMILIES else OWN
            )
            for task in tasks
        }
    )


def task_sources(tasks):
    """What the user gave for each task of a language, as a function of the wildcards."""

    def given(task, language):
        evaluation = STUDY.evaluation
        return {
            "file": evaluation.task_files.get(task, {}).get(language, ""),
            "data": evaluation.task_data.get(task, ""),
            "inputs": [str(path) for path in inputs_of_task(task, language)],
        }

    return lambda wildcards: canonical_json(
        {f"task_{task}": given(task, wildcards.language) for task in tasks}
    )


@cache
def inputs_of_task(task, language):
    """The files that the user gave for a task in a language."""
    file = STUDY.evaluation.task_files.get(task, {}).get(language)
    definition = FAMILIES[task].definition(language) if not file else ""
    return task_inputs(file, STUDY.evaluation.task_data.get(task), definition)


def task_files(tasks):
    """The same as inputs of a job, a role a task, as a function of the wildcards."""
    return lambda wildcards: {
        f"task_{task}": found
        for task in tasks
        if (found := inputs_of_task(task, wildcards.language))
    }


def variant_files(wildcards, input, output):
    """The file arguments without those of tasks, which `score_tasks` is told of by name."""
    own = {key: value for key, value in input.items() if not key.startswith("task_")}
    return files(wildcards, own, output)


def perplexity_targets():
    """All perplexity artifacts of the study."""
    return [
        paths.perplexity_path(RESULTS, model, variant, GRID.evaluation, language)
        for model, variant, language in product(
            GRID.models, GRID.variants(), GRID.languages
        )
    ]


def cloze_targets():
    """All cloze artifacts of the study."""
    return [
        paths.cloze_path(RESULTS, model, variant, GRID.cloze, language)
        for model, variant, language in product(
            GRID.models, GRID.variants(), GRID.cloze_languages
        )
    ]


def cloze_table():
    """The long table of cloze items, of a study that has any."""
    return {"cloze": f"{REPORTS}/tables/cloze.parquet"} if GRID.cloze_languages else {}


def task_targets():
    """All artifacts of downstream tasks, in the order of their table."""
    asked = [
        (task, language)
        for task in sorted(STUDY.evaluation.tasks)
        for language in STUDY.evaluation.task_languages(task)
    ]
    return [
        paths.task_path(RESULTS, model, variant, f"{task}-{TASK_ITEMS}", language)
        for model, variant, (task, language) in product(
            GRID.models, GRID.variants(), asked
        )
    ]


def tasks_table():
    """The long table of tasks' items, of a study that has any."""
    return {"tasks": f"{REPORTS}/tables/tasks.parquet"} if TASK_SETS else {}


def languages_of_tasks():
    """Task -> the languages that it is asked in."""
    tasks = sorted(STUDY.evaluation.tasks)
    return canonical_json(
        {task: STUDY.evaluation.task_languages(task) for task in tasks}
    )


def mask_targets():
    """The mask stores of the study."""
    return [
        paths.variant_folder(RESULTS, model, variant) / "masks.parquet"
        for model, variant in product(GRID.models, GRID.variants())
        if variant != Variant.dense()
    ]


def layer_targets():
    """The diagnostics of all calibrated variants."""
    return [
        paths.variant_folder(RESULTS, model, variant) / "layers.parquet"
        for model, variant in product(GRID.models, GRID.calibrated())
    ]


def figure_targets():
    """The figures as files, for papers; the report draws its own."""
    return expand(
        f"{REPORTS}/figures/{{figure}}.{{format}}",
        figure=FIGURES,
        format=["svg", "png"],
    )


def folders_of_method(wildcards):
    """The folders of the calibrated variants of a method and pattern, in the grid's order."""
    return [
        paths.variant_folder(RESULTS, wildcards.model, variant)
        for variant in GRID.calibrated()
        if (variant.method, variant.pattern) == (wildcards.method, wildcards.pattern)
    ]


def masks_of_method(wildcards):
    """The mask stores of a method and pattern: the magnitude mask first, then in the grid's order."""
    magnitude = Variant.uncalibrated("magnitude", wildcards.pattern)
    floor = paths.variant_folder(RESULTS, wildcards.model, magnitude)
    folders = [floor, *folders_of_method(wildcards)]
    return [folder / "masks.parquet" for folder in folders]


def layers_of_method(wildcards):
    """The diagnostics of the calibrated variants of a method and pattern, in the grid's order."""
    return [folder / "layers.parquet" for folder in folders_of_method(wildcards)]


def overlap_grid(wildcards):
    """The variants that an overlap is between: a further method or pattern does not concern it."""
    own = {f"{key}s": (wildcards[key],) for key in ("model", "method", "pattern")}
    return canonical_json(asdict(replace(MASK_GRID, **own)))


def evaluation_tokens():
    """The tokens that the study evaluates on."""
    return expand(
        TOKENS,
        model=GRID.models,
        corpus=STUDY.evaluation.corpus,
        language=GRID.languages,
    )


def overlap_parts():
    """The overlap tables of all models, methods and patterns."""
    return expand(
        f"{REPORTS}/overlap/{{model}}/{{method}}-{{pattern}}.parquet",
        model=GRID.models,
        method=GRID.methods,
        pattern=GRID.patterns,
    )


def used_corpora():
    """Corpus and language of all texts that the study draws on."""
    used = [
        *STUDY.calibration_languages().items(),
        (STUDY.evaluation.corpus, GRID.languages),
    ]
    return {(corpus, language) for corpus, languages in used for language in languages}


def documents_of_study():
    """The document tables that the study draws on."""
    used = sorted(used_corpora())
    return [
        f"{RESULTS}/corpora/{corpus}/{language}.parquet" for corpus, language in used
    ]


def stated_of_corpora():
    """Corpus -> what the report says of its texts."""
    used = {corpus for corpus, _ in used_corpora()}
    return canonical_json({corpus: STUDY.corpora[corpus].stated for corpus in used})


def languages_of_calibrations():
    """Calibration, as in paths -> the languages whose documents it draws."""
    return canonical_json(
        {
            calibration: sorted(STUDY.calibration.mixture(name))
            for calibration, name in zip(GRID.calibrations, GRID.names)
        }
    )


def kinds_of_calibrations():
    """Calibration -> language, mixture or control."""
    return canonical_json({name: STUDY.calibration.kind(name) for name in GRID.names})


def calibrations_in_words():
    """Calibration -> kind, of mixtures and controls what they are made of: for those who read figures and report."""
    return canonical_json({name: made_of(name) for name in GRID.names})


def made_of(name):
    """A calibration as `reporting.kit.calibrations.Made` has it."""
    made = {"kind": STUDY.calibration.kind(name)}
    if control := STUDY.calibration.controls.get(name):
        own = {"control": control.kind, "language": control.language}
        return made | own | {"words": described(control)}
    if made["kind"] == "mixture":
        shares = STUDY.calibration.mixture(name).items()
        made["words"] = ", ".join(
            f"{100 * share:.0f} % {language}" for language, share in shares
        )
    return made


def setup():
    """What the report says of the set-up, in words."""
    calibration, evaluation = STUDY.calibration, STUDY.evaluation
    compute = STUDY.compute
    size = (
        f"{calibration.windows} windows of {calibration.length} tokens (matched on tokens)"
        if calibration.windows
        else f"{calibration.documents} documents in windows of up to {calibration.length} tokens (matched on content)"
    )
    return canonical_json(
        {
            "Calibration": f"{size}, {calibration.sampling}, from {calibration.corpus}; "
            f"{STUDY.pruning.propagation} propagation, batch {STUDY.pruning.batch}",
            **{
                f"Control {name}": described(control)
                for name, control in sorted(calibration.controls.items())
                if name in GRID.names
            },
            "Evaluation": f"{evaluation.documents} documents a language of {evaluation.corpus}, windows of "
            f"{evaluation.length} tokens, protocol {evaluation.protocol}, batch {evaluation.batch}",
            **generation_in_words(),
            "Threads": f"{compute.threads} a job",
        }
    )


def generation_in_words():
    """What the report says of questions and continuations, of a study that has any."""
    asked, continued = ASKED, STUDY.evaluation.continuations
    told = {}
    if QUESTION_LANGUAGES:
        kind = "" if asked.answerable else ", those without an answer included"
        told["Open questions"] = (
            f"the first {asked.items} of {asked.name} in {', '.join(QUESTION_LANGUAGES)}{kind}; no examples before them, "
            f"answers of up to {asked.tokens} tokens, the likeliest at a time"
        )
    if CONTINUATION_LANGUAGES:
        told["Continuations"] = (
            f"of the first {continued.opening} tokens of {continued.prompts} evaluation documents a language, up to "
            f"{continued.tokens} tokens, the likeliest at a time; language told by {installed('py3langid')}"
        )
    return told


def described(control):
    """A control in words."""
    return {
        "random": f"random tokens, as many as in the texts in {control.language}",
        "shuffled": f"the texts in {control.language}, the words of each in random order",
        "generated": f"texts that the dense model wrote in {control.language}, after the first words of each text",
        "register": f"of the texts in {control.language} those of register {control.register}",
        "corpus": f"texts in {control.language} from corpus {control.corpus}",
    }[control.kind]


def failure():
    """What the user reads last: the sentence of every failed step, where its log is, and how to go on."""
    failed = [
        job
        for entry in workflow.scheduler.failed
        for job in getattr(entry, "jobs", [entry])
    ]
    return describe_failure(
        [(job.rule.name, [str(path) for path in job.log]) for job in failed], sys.argv
    )


def begin_on_cluster():
    """Refuse to run beside an earlier run's jobs; let all jobs ask for what they need, which on one machine they do not."""
    is_slurm = workflow.executor_plugin.name == "slurm"
    if is_slurm and (sentence := cluster.left_over(Path.cwd())):
        logger.error(sentence)
        sys.exit(1)
    models = Path(RESULTS) / "models"
    requests = cluster.Requests(config, models, bool(gpus()), logger.warning)
    for submitted in [found for found in workflow.rules if not found.norun]:
        name, asked = submitted.name, submitted.resources
        cluster.ask_unless_said(asked, "mem_mb", requests.memory(name))
        cluster.ask_unless_said(asked, "runtime", requests.runtime(name))


onstart:
    if workflow.local_exec:
        if MISSING_HERE:
            logger.error(MISSING_HERE)
            sys.exit(1)
        # The limit of jobs a second, meant for submissions, has Snakemake 9.27 look again a second after every look, and
        # every job that ends begins another such chain: after a hundred jobs that alone kept a fifth of a core busy.
        workflow.scheduler.job_rate_limiter = None
    elif workflow.is_main_process:
        begin_on_cluster()


onerror:
    # A job on a cluster is a run of its own, of which the user did not type the command.
    if workflow.is_main_process:
        logger.error(failure())


onsuccess:
    if workflow.is_main_process:
        # One that an earlier run left may be out of date.
        if Path(REPORT).is_file() and Path(REPORT).stat().st_mtime >= BEGUN:
            logger.info(describe_report(Path(REPORT)))
        # Of jobs that were stopped and have run under other parameters since: nothing goes on from there.
        rmtree(PROGRESS, ignore_errors=True)
        # Dense copies go last, and not by temp(): making one anew would run all jobs again that ever read it. A step that
        # loads a model whose weights are gone restores them.
        for model in GRID.models if not STUDY.keep.dense else ():
            drop_weights(Path(RECORD.format(model=model)))
