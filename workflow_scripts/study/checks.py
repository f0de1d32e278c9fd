"""What a study's shape cannot tell: that names refer to something, that files are there, that texts suffice.

A check takes the sections it looks at, by their names in the study, and yields its problems. It runs when these sections
have the right shape, whatever is wrong with others, so that one run shows all mistakes. Further checks go into `CHECKS`.
"""

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

from workflow_scripts.corpora.document import CorpusError, Document, same_text
from workflow_scripts.corpora.languages import CODE, canonical, is_assigned, likely_code
from workflow_scripts.corpora.mixtures import allocate
from workflow_scripts.corpora.rows import PACKED
from workflow_scripts.corpora.sources import get_source, local
from workflow_scripts.evaluation.questions import (
    MKQA_LANGUAGES,
    QuestionsError,
    languages_of,
    read_lines,
    read_questions,
)
from workflow_scripts.evaluation.sentences import documents_of_sentences, sentences_of
from workflow_scripts.evaluation.tasks.definitions import TaskError, task_inputs
from workflow_scripts.evaluation.tasks.families import FAMILIES
from workflow_scripts.models.catalogue import PACKAGED, checkpoint_files
from workflow_scripts.models.inspection import TOKENIZERS, inspect_checkpoint, inspect_gguf
from workflow_scripts.models.stored import UnusableModel, weight_files
from workflow_scripts.models.verdicts import admitted
from workflow_scripts.pruning.methods.declaring import declared_methods
from workflow_scripts.pruning.patterns import NofM, parse_pattern
from workflow_scripts.study.errors import Problem, closest, listed, spell
from workflow_scripts.study.sections import (
    Calibration,
    Corpus,
    Evaluation,
    HubCorpus,
    ModelSource,
    Pruning,
    corpus_options,
)
from workflow_scripts.study.values import NOT_NAMEABLE, is_nameable

PACKS = 10
"""How many times smaller a packed text is, about."""
READ_AT_MOST = 32 * 2**20
"""Bytes of a language that are read before any job; the texts of larger corpora are judged by the steps."""


def check_sections(sections: Mapping[str, Any]) -> Iterator[Problem]:
    """All problems of those sections that have the right shape."""
    for check in CHECKS:
        wanted = inspect.signature(check).parameters
        if all(name in sections for name in wanted):
            yield from check(**{name: sections[name] for name in wanted})


def _models_are_usable(models: dict[str, ModelSource]) -> Iterator[Problem]:
    for name, model in models.items():
        if model.packaged is not None and model.packaged not in PACKAGED:
            hint = closest(model.packaged, PACKAGED) or f"; there is {listed(PACKAGED)}"
            yield Problem(("models", name, "packaged"), f"there is no packaged model {spell(model.packaged)}{hint}")
        for kind in ("path", "gguf"):
            if (path := getattr(model, kind)) is not None:
                yield from _unusable(("models", name, kind), path, path, model.trust_remote_code)
        if folder := _snapshot(model):
            yield from _unusable(("models", name, "hub"), model.hub, folder, model.trust_remote_code)


def _snapshot(model: ModelSource) -> str | None:
    """Where the hub's cache has all of a hub model; None where it has not, so that its files are looked at once fetched."""
    if model.hub is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(model.hub, "config.json", revision=model.revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        weight_files(folder)
    except UnusableModel:
        return None
    return str(folder) if any(next(folder.glob(name), None) for name in TOKENIZERS) else None


def _look(path: Path, kind: str, trusted: bool) -> dict[str, Any]:
    """The fields of `admission.Admission` of a local model; raises UnusableModel."""
    if kind == "gguf":
        inspect_gguf(path)
    else:
        inspect_checkpoint(path, trusted)
    return admitted(path, trusted)


def _unusable(place: tuple[str, ...], name: str, path: str, trusted: bool) -> Iterator[Problem]:
    try:
        _look(Path(path), place[-1], trusted)
    except UnusableModel as error:
        yield Problem(place, f"{spell(name)} {error}{_home(path)}")
    except OSError as error:
        yield Problem(place, f"{spell(name)} cannot be read ({error.strerror}); mend the path or its permissions")


def _home(path: str) -> str:
    return " (~ is not your home here)" if path.startswith("~") else ""


def _models_differ(models: dict[str, ModelSource]) -> Iterator[Problem]:
    seen: dict[Any, str] = {}
    for name, model in models.items():
        local = model.path or model.gguf
        source = os.path.realpath(local) if local else (model.packaged, model.hub, model.revision)
        if source in seen:
            yield Problem(("models", name), f"this is the same model as {seen[source]}; keep one of the two")
        seen.setdefault(source, name)
        if local and Path(source).is_relative_to(os.path.realpath("results")):
            yield Problem(
                ("models", name), f"{spell(local)} lies in results/, where polyprune writes; keep the model elsewhere"
            )


def _files_are_nameable(models: dict[str, ModelSource], corpora: dict[str, Corpus]) -> Iterator[Problem]:
    """The files in a folder of the user's, which the study itself does not name."""
    found = {("models", name): checkpoint_files(Path(model.path)) for name, model in models.items() if model.path}
    found |= {("corpora", name): _files_of(corpus) for name, corpus in corpora.items() if corpus.kind == "local"}
    for place, files in found.items():
        if odd := next((path.name for path in files if not is_nameable(path.name)), None):
            yield Problem((*place, "path"), f"the file {spell(odd)} in it has {NOT_NAMEABLE}")


def _files_of(corpus: Corpus) -> list[Path]:
    """The files of all languages of a local corpus; none of a language that cannot be read (another check says so)."""
    found = []
    for language in _there(corpus):
        with suppress(CorpusError, OSError):
            found += get_source(corpus.kind).input_files(language, corpus_options(corpus))
    return found


def _names_differ(models: dict[str, ModelSource], corpora: dict[str, Corpus]) -> Iterator[Problem]:
    for section, names in (("models", models), ("corpora", corpora)):
        for one, other in combinations(names, 2):
            if one.lower() == other.lower():
                yield Problem(
                    (section, other), f"it differs from {one} in case alone, which some disks ignore; rename it"
                )


def _windows_fit_models(
    models: dict[str, ModelSource], calibration: Calibration, evaluation: Evaluation, pruning: Pruning
) -> Iterator[Problem]:
    for name, model in models.items():
        known = _known_of(model)
        longest = known.get("positions")
        for place, length, beside in _lengths(calibration, evaluation):
            if isinstance(longest, int) and length + beside > longest:
                message = (
                    f"{length} tokens{f' and {beside} beside them' if beside else ''} are more than the {longest} that model "
                    f"{name} can see; take at most {max(1, longest - beside)}"
                )
                yield Problem(place, message)
        for number, text in enumerate(pruning.patterns):
            pattern = parse_pattern(text)
            odd = [width for width in known.get("widths", ()) if isinstance(pattern, NofM) and width % pattern.of]
            if odd:
                message = f"groups of {pattern.of} do not divide the {odd[0]} inputs of linears of model {name}"
                yield Problem(("pruning", "patterns", str(number)), f"{message}; take another pattern")


def _lengths(calibration: Calibration, evaluation: Evaluation) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Where a study says how many tokens go through a model at a time, how many, and how many go with them."""
    yield ("calibration", "length"), calibration.length, 0
    yield ("evaluation", "length"), evaluation.length, 0
    if (continued := evaluation.continuations) is not None:
        yield ("evaluation", "continuations", "tokens"), continued.tokens, 1 + continued.opening
        yield ("evaluation", "continuations", "opening"), continued.opening, 2
    if evaluation.questions is not None:
        yield ("evaluation", "questions", "tokens"), evaluation.questions.tokens, 1


def _known_of(model: ModelSource) -> dict[str, Any]:
    """The fields of `admission.Admission` of a local model; none of another, or of one that another check refuses."""
    try:
        local = model.path or model.gguf or _snapshot(model)
        return _look(Path(local), "gguf" if model.gguf else "path", model.trust_remote_code) if local else {}
    except (UnusableModel, OSError):
        return {}


def _calibrations_are_mixtures(calibration: Calibration) -> Iterator[Problem]:
    named = {"mixtures": calibration.mixtures, "controls": calibration.controls}
    codes = [(section, name) for section in named for name in named[section] if _is_language(name)]
    for name in sorted(set(calibration.controls) & set(calibration.mixtures)):
        yield Problem(("calibration", "controls", name), "a mixture has this name too; rename one of the two")
    for section, code in codes:
        thing = section.removesuffix("s")
        yield Problem(("calibration", section, code), f"this is the code of a language; give the {thing} another name")
    for name, control in calibration.controls.items():
        if control.corpus == calibration.corpus:
            message = f"the calibrations come from {control.corpus} already; name another corpus"
            yield Problem(("calibration", "controls", name, "corpus"), message)
    seen: dict[str, str] = {}
    for number, name in enumerate(calibration.calibrations):
        place = ("calibration", "calibrations", str(number))
        if wrong := _wrong_part(calibration, name):
            yield Problem(place, wrong)
            continue
        try:
            allocate(calibration.shares, calibration.mixture(name))
        except ValueError as error:
            yield Problem(place, str(error))
            continue
        if (same := calibration.folder(name)) in seen and not codes:
            yield Problem(place, f"{name} is the same calibration as {seen[same]}; keep one")
        seen.setdefault(same, name)


def _is_language(name: str) -> bool:
    """Whether a name can only be meant as a language: three letters may be a word."""
    return (
        (len(name) == 2 or canonical(name) != name.lower())
        and bool(CODE.fullmatch(canonical(name)))
        and is_assigned(name)
    )


def _wrong_part(calibration: Calibration, name: str) -> str | None:
    """What is wrong with a calibration's name, None for a language, `en+sw` and names of mixtures and controls."""
    if name in calibration.mixtures or name in calibration.controls:
        return None
    parts = name.split("+")
    if made := [part for part in parts if part in calibration.mixtures or part in calibration.controls]:
        kind = "a control" if made[0] in calibration.controls else "a mixture"
        return f"{spell(name)} joins {made[0]}, which is {kind}, and only languages can be joined; list {made[0]} by itself"
    wrong = [part for part in parts if not CODE.fullmatch(part)]
    if wrong:
        meant = likely_code(wrong[0])
        hint = (
            closest(name, [*calibration.mixtures, *calibration.controls])
            or f"; write {meant or 'a code such as sw, or en+sw'}"
        )
        part = spell(wrong[0]) if wrong == [name] else f"{spell(wrong[0])} in {spell(name)}"
        return f"{part} is neither a language nor a name from mixtures or controls{hint}"
    doubled = [part for part in parts if parts.count(part) > 1]
    return f"{name} names {doubled[0]} twice; for other shares, define it below mixtures" if doubled else None


class Draw(NamedTuple):
    """Documents that calibrations draw from: of one register alone where a control asks for it."""

    corpus: str
    language: str
    register: str = ""

    @property
    def texts(self) -> tuple[str, str]:
        """Corpus and language: where the documents are read from, whatever the register."""
        return self.corpus, self.language

    def __str__(self) -> str:
        return f"{self.language}, register {self.register}," if self.register else self.language


def _wanted(calibration: Calibration) -> dict[Draw, int]:
    """Windows or documents that a seed draws at most, over all calibrations of the right form."""
    wanted: dict[Draw, int] = {}
    for name in calibration.calibrations:
        if _wrong_part(calibration, name) is None:
            try:
                counts = allocate(calibration.shares, calibration.mixture(name))
            except ValueError:
                continue
            control = calibration.controls.get(name)
            register = (control and control.register) or ""
            for language, count in counts.items():
                source = Draw(calibration.corpus_of(name), language, register)
                # Matched on content, every language of a mixture has all documents of a seed before it.
                wanted[source] = max(calibration.documents or count, wanted.get(source, 0))
    return wanted


def _corpora_are_defined(
    corpora: dict[str, Corpus], calibration: Calibration, evaluation: Evaluation
) -> Iterator[Problem]:
    controls = {name: control.corpus for name, control in calibration.controls.items() if control.corpus}
    places = [("calibration", calibration.corpus), ("evaluation", evaluation.corpus)]
    for *section, name in [*places, *(("calibration", "controls", *control) for control in controls.items())]:
        if name not in corpora:
            hint = closest(name, corpora) or f"; write one of {listed(corpora)}"
            where = ".".join([*section, "corpus"])
            yield Problem((*section, "corpus"), f"{where} is {name}, which corpora does not define{hint}")


def _corpora_are_there(corpora: dict[str, Corpus]) -> Iterator[Problem]:
    for name, corpus in corpora.items():
        if corpus.kind != "local":
            continue
        if Path(os.path.realpath(corpus.path)).is_relative_to(os.path.realpath("results")):
            message = f"{spell(corpus.path)} lies in results/, where polyprune writes; keep the texts elsewhere"
            yield Problem(("corpora", name, "path"), message)
            continue
        try:
            found = _languages_of(corpus)
        except CorpusError:
            there = "is a file and no folder" if os.path.exists(corpus.path) else "is not there"
            yield Problem(
                ("corpora", name, "path"),
                f"{spell(corpus.path)} {there}; name the folder that holds a file or folder a language{_home(corpus.path)}",
            )
        except OSError as error:
            yield Problem(("corpora", name, "path"), f"{spell(corpus.path)} cannot be read ({error.strerror}); mend it")
        else:
            if not found:
                other = [path.name for path in local.passed_over(corpus_options(corpus))]
                holds = f"holds {listed(other, 3)}, which is not read" if other else "is an empty folder"
                yield Problem(
                    ("corpora", name, "path"),
                    f"{spell(corpus.path)} {holds}; put sw.txt, sw.jsonl, sw.parquet or sw/*.txt there",
                )


def _languages_are_there(
    corpora: dict[str, Corpus], calibration: Calibration, evaluation: Evaluation
) -> Iterator[Problem]:
    drawn: dict[str, list[str]] = {}
    for corpus, language in sorted({draw.texts for draw in _wanted(calibration)}):
        drawn.setdefault(corpus, []).append(language)
    sides = [("calibration", "calibrations", corpus, languages) for corpus, languages in drawn.items()]
    sides.append(("evaluation", "languages", evaluation.corpus, evaluation.languages))
    for section, key, name, languages in sides:
        corpus, there = corpora.get(name), _there(corpora.get(name))
        missing = [language for language in languages if there and language not in there]
        if missing:
            message = f"{section} wants {listed(missing)}, which corpus {name} does not have: it has {listed(there)}"
            yield Problem((section, key), f"{message}{_meant(missing[0], there)}")
        unassigned = [language for language in languages if isinstance(corpus, HubCorpus) and not is_assigned(language)]
        for language in unassigned:
            if language not in corpus.configurations:
                meant = likely_code(language) or f"its ISO 639 code, or map it below corpora.{name}.configurations"
                yield Problem((section, key), f"{language} is the code of no language; write {meant}")


def _meant(language: str, there: list[str]) -> str:
    if (meant := likely_code(language)) in there:
        return f"; did you mean {meant}?"
    return closest(language, there) or "; take one of these, or add its texts"


def _languages_of(corpus: Corpus) -> list[str]:
    source = get_source(corpus.kind)
    return source.languages(corpus_options(corpus))


def _there(corpus: Corpus | None) -> list[str]:
    """The languages of a corpus; none where only its hub knows, or where it cannot be read (another check says so)."""
    if corpus is None or corpus.kind == "hub":
        return []
    try:
        return _languages_of(corpus)
    except (CorpusError, OSError):
        return []


def _splits_are_apart(
    corpora: dict[str, Corpus], calibration: Calibration, evaluation: Evaluation
) -> Iterator[Problem]:
    place = _texts_of(corpora.get(evaluation.corpus))
    for name in sorted({draw.corpus for draw in _wanted(calibration)} - {evaluation.corpus}):
        if place is not None and _texts_of(corpora.get(name)) == place:
            yield Problem(
                ("evaluation", "corpus"),
                f"corpora {name} and {evaluation.corpus} read the same texts ({spell(place)}), so that calibration texts "
                "would be evaluated on; use one corpus for both, whose splits are disjoint",
            )


def _texts_of(corpus: Corpus | None) -> str | None:
    """Where the texts of a corpus are, to tell whether two corpora share them."""
    if corpus is None:
        return None
    return {
        "embedded": lambda: "embedded",
        "hub": lambda: f"{corpus.name}, split {corpus.split}",
        "local": lambda: os.path.realpath(corpus.path),
    }[corpus.kind]()


def _patterns_fit_methods(pruning: Pruning) -> Iterator[Problem]:
    for (number, text), method in product(enumerate(pruning.patterns), pruning.methods):
        if wrong := declared_methods()[method].refuse(parse_pattern(text)):
            yield Problem(("pruning", "patterns", str(number)), wrong)


def _hub_documents_suffice(
    corpora: dict[str, Corpus], calibration: Calibration, evaluation: Evaluation
) -> Iterator[Problem]:
    corpus = corpora.get(evaluation.corpus)
    if corpus is not None and corpus.kind == "hub" and corpus.documents < evaluation.documents:
        yield Problem(
            ("evaluation", "documents"),
            f"{evaluation.documents} documents are more than the {corpus.documents} that corpus {evaluation.corpus} takes "
            f"in all; take fewer, or raise corpora.{evaluation.corpus}.documents",
        )
    last = max(calibration.seeds)
    needed = (calibration.documents or 1) * (last + 1)
    for name in sorted({draw.corpus for draw in _wanted(calibration)}):
        corpus = corpora.get(name)
        if corpus is not None and corpus.kind == "hub" and corpus.documents < needed:
            fewer = "lower seeds or fewer documents" if calibration.documents else "lower seeds"
            yield Problem(
                ("calibration", "seeds"),
                f"seeds 0 to {last} want {needed} documents at least, and corpus {name} takes {corpus.documents}; take "
                f"{fewer}, or raise corpora.{name}.documents",
            )


def _splits_have_a_share(
    corpora: dict[str, Corpus], calibration: Calibration, evaluation: Evaluation
) -> Iterator[Problem]:
    sides = (("calibration", calibration.corpus, 1), ("evaluation", evaluation.corpus, 0))
    for section, name, none_left in sides:
        corpus = corpora.get(name)
        # The documents of a local corpus may bring their split along: its texts tell.
        if corpus is not None and corpus.kind == "hub" and corpus.evaluation_share == none_left:
            yield Problem(
                (section, "corpus"),
                f"corpus {name} keeps no document for {section}, for its evaluation_share is {none_left}; change that share",
            )


def _tasks_are_known(evaluation: Evaluation) -> Iterator[Problem]:
    known = sorted({*FAMILIES, *evaluation.task_files})
    for number, task in enumerate(evaluation.tasks):
        place = ("evaluation", "tasks", str(number))
        if task not in known:
            hint = closest(task, known) or f"; there is {listed(sorted(FAMILIES))}"
            yield Problem(place, f"there is no family of tasks {spell(task)}, and task_files has none{hint}")
        elif not evaluation.task_languages(task):
            there = evaluation.task_files.get(task) or FAMILIES[task].languages
            message = f"{task} has none of the study's languages: it has {listed(sorted(there))}"
            yield Problem(place, f"{message}; leave it out, or add one of these to evaluation.languages")
    for key, names in (("task_files", evaluation.task_files), ("task_data", evaluation.task_data)):
        for task in names:
            if key == "task_files" and task in FAMILIES:
                yield Problem(("evaluation", key, task), "a family of tasks has this name; rename yours")
            elif key == "task_data" and task not in FAMILIES:
                hint = closest(task, FAMILIES) or f"; there is {listed(sorted(FAMILIES))}"
                yield Problem(("evaluation", key, task), f"there is no family of tasks {spell(task)}{hint}")
            elif task not in evaluation.tasks:
                yield Problem(
                    ("evaluation", key, task), "evaluation.tasks does not name it; add it there, or remove it here"
                )


def _tasks_are_there(evaluation: Evaluation) -> Iterator[Problem]:
    for task in evaluation.tasks:
        own, data = evaluation.task_files.get(task, {}), evaluation.task_data.get(task)
        if task not in FAMILIES and not own:
            continue
        for language in evaluation.task_languages(task):
            place = ("evaluation", "task_files", task, language) if own else ("evaluation", "task_data", task)
            try:
                files = task_inputs(own.get(language), data, FAMILIES[task].definition(language) if not own else "")
            except TaskError as error:
                yield Problem(place, str(error))
                continue
            if odd := next((path for path in files if not is_nameable(str(path))), None):
                yield Problem(place, f"the file {spell(odd.name)} of {language} has {NOT_NAMEABLE}")


def _questions_are_there(evaluation: Evaluation) -> Iterator[Problem]:
    questions, place = evaluation.questions, ("evaluation", "questions")
    if questions is None:
        return
    if questions.path is not None:
        if not questions.path.endswith((".jsonl", ".jsonl.gz")):
            yield Problem(
                (*place, "path"), f"{spell(questions.path)} is neither .jsonl nor .jsonl.gz; give such a file"
            )
            return
        try:
            there = languages_of(Path(questions.path))
        except QuestionsError as error:
            yield Problem((*place, "path"), f"the questions cannot be read: {error}")
            return
        except OSError as error:
            message = f"{spell(questions.path)} cannot be read ({error.strerror}); mend the path or its permissions"
            yield Problem((*place, "path"), f"{message}{_home(questions.path)}")
            return
    else:
        there = MKQA_LANGUAGES
    if not evaluation.question_languages():
        yield Problem(
            place, f"the questions are in no evaluated language: they are in {listed(there)}; evaluate one of these"
        )
    for language in sorted(set(questions.prompts) - set(evaluation.languages)):
        yield Problem((*place, "prompts", language), f"{language} is not evaluated; remove this prompt")


def _prompts_suffice(evaluation: Evaluation) -> Iterator[Problem]:
    wanted = evaluation.continuations
    if wanted is not None and wanted.prompts > evaluation.documents:
        yield Problem(
            ("evaluation", "continuations", "prompts"),
            f"{wanted.prompts} prompts are more than the {evaluation.documents} evaluation documents; take fewer, or raise "
            "evaluation.documents",
        )


def _languages_are_told_apart(evaluation: Evaluation) -> Iterator[Problem]:
    for name in ("representations", "activations"):
        if getattr(evaluation, name) is not None and len(evaluation.languages) < 2:
            yield Problem(
                ("evaluation", name),
                "what is specific for a language is told from another one, and one language is evaluated; add a language, or "
                "leave this key out",
            )


CHECKS = (
    _models_are_usable,
    _models_differ,
    _files_are_nameable,
    _names_differ,
    _windows_fit_models,
    _patterns_fit_methods,
    _calibrations_are_mixtures,
    _corpora_are_defined,
    _corpora_are_there,
    _languages_are_there,
    _splits_are_apart,
    _splits_have_a_share,
    _hub_documents_suffice,
    _tasks_are_known,
    _tasks_are_there,
    _questions_are_there,
    _prompts_suffice,
    _languages_are_told_apart,
)


def check_texts(corpora: dict[str, Corpus], calibration: Calibration, evaluation: Evaluation) -> Iterator[Problem]:
    """Whether the texts of corpora at hand can be read, and suffice; only what is certain without a tokenizer is refused.

    Reads the texts, unlike all other checks: for the main process alone, not for every job.
    """
    there: dict[tuple[str, str], list[Document]] = {}
    kept: dict[str, list[Document]] = {}
    wanted = _wanted(calibration)
    evaluated = {(evaluation.corpus, language) for language in evaluation.languages}
    for name, language in sorted({draw.texts for draw in wanted} | evaluated):
        try:
            documents = _read(corpora[name], language)
        except (CorpusError, OSError) as error:
            yield Problem(("corpora", name), f"{language} cannot be read: {error}")
            continue
        if documents is None:
            continue
        there[name, language] = [document for document in documents if document.split == "calibration"]
        if (name, language) in evaluated:
            kept[language] = [document for document in documents if document.split == "evaluation"]
    drawn = {
        draw: [document for document in there[draw.texts] if draw.register in ("", document.register)]
        for draw in wanted
        if draw.texts in there
    }
    yield from _texts_are_apart(drawn, kept, evaluation)
    yield from _registers_are_there(there, calibration)
    yield from _calibration_suffices(drawn, wanted, calibration)
    yield from _contents_are_equal(drawn, calibration)
    yield from _questions_suffice(evaluation)
    yield from _sentences_are_parallel(kept, evaluation)
    fewest = min(kept, key=lambda language: len(kept[language]), default=None)
    if fewest is not None and len(kept[fewest]) < evaluation.documents:
        yield Problem(
            ("evaluation", "documents"),
            f"{evaluation.documents} documents a language are wanted, and corpus {evaluation.corpus} keeps {len(kept[fewest])} "
            f"documents of {fewest} for evaluation; take fewer, add documents, or raise the corpus's evaluation_share",
        )


def _texts_are_apart(
    drawn: dict[Draw, list[Document]], kept: dict[str, list[Document]], evaluation: Evaluation
) -> Iterator[Problem]:
    """No text that is evaluated on is a calibration text, of whatever corpus, language or control; no language is another."""
    calibrated = {draw: _same_texts(documents) for draw, documents in drawn.items()}
    evaluated = {language: _same_texts(documents) for language, documents in kept.items()}
    for (draw, texts), (language, own) in product(calibrated.items(), evaluated.items()):
        if shared := sorted(texts.keys() & own.keys()):
            yield Problem(
                ("evaluation", "corpus"),
                f"document {spell(own[shared[0]])} of {language} in corpus {evaluation.corpus}, which is kept for evaluation, is "
                f"also a calibration text: document {spell(texts[shared[0]])} of {draw.language} in corpus {draw.corpus}; take it "
                "out of one",
            )
    of_calibration = {draw.texts: texts for draw, texts in calibrated.items() if not draw.register}
    of_evaluation = {(evaluation.corpus, language): texts for language, texts in evaluated.items()}
    yield from _languages_differ(("calibration", "calibrations"), of_calibration)
    yield from _languages_differ(("evaluation", "languages"), of_evaluation)


def _same_texts(documents: list[Document]) -> dict[str, str]:
    """What is the same of texts that are -> the name of a document."""
    return {same_text(document.text): document.doc_id for document in documents}


def _languages_differ(place: tuple[str, ...], texts: Mapping[tuple[str, str], Mapping[str, str]]) -> Iterator[Problem]:
    for ((corpus, one), first), ((_, other), second) in combinations(texts.items(), 2):
        if one != other and 2 * len(first.keys() & second.keys()) > min(len(first), len(second)):
            message = f"{one} and {other} have the same texts in corpus {corpus}; put the texts of each in its own file"
            yield Problem(place, message)


def _sentences_are_parallel(kept: dict[str, list[Document]], evaluation: Evaluation) -> Iterator[Problem]:
    wanted = evaluation.representations
    if wanted is None or not kept:
        return
    try:
        sources = {language: f"{language} of corpus {evaluation.corpus}" for language in kept}
        documents_of_sentences(
            {language: sentences_of(kept[language], wanted.documents, sources[language]) for language in kept}
        )
    except CorpusError as error:
        yield Problem(("evaluation", "representations"), str(error).rstrip("."))


def _questions_suffice(evaluation: Evaluation) -> Iterator[Problem]:
    asked = evaluation.questions
    for language in evaluation.question_languages() if asked and asked.path else ():
        try:
            read_questions(read_lines(Path(asked.path)), language, asked.items, asked.answerable)
        except (QuestionsError, OSError) as error:
            yield Problem(("evaluation", "questions"), str(error))


def _read(corpus: Corpus, language: str) -> list[Document] | None:
    """The documents of a language, None where they are not at hand or too large to be read before any job."""
    source, options = get_source(corpus.kind), corpus_options(corpus)
    files = source.input_files(language, options)
    sizes = [file.stat().st_size * (PACKS if file.suffix.lower() == PACKED else 1) for file in files]
    if not files or sum(sizes) > READ_AT_MOST:
        return None
    return list(source.read(language, options))


def _calibration_suffices(
    drawn: dict[Draw, list[Document]], wanted: dict[Draw, int], calibration: Calibration
) -> Iterator[Problem]:
    """A seed takes documents that no lower seed has touched, and a token is a byte or more; the worst language is told."""
    shares = max(calibration.seeds) + 1
    # Windows may share a document, but two seeds may not.
    drawn = {draw: documents for draw, documents in drawn.items() if documents or not draw.register}
    documents = {source: (calibration.documents or 1) * shares for source in drawn}
    fewest = min(drawn, key=lambda source: len(drawn[source]) / documents[source], default=None)
    if fewest is not None and len(drawn[fewest]) < documents[fewest]:
        there = len(drawn[fewest])
        needs = f"{calibration.documents} documents a seed" if calibration.documents else f"{shares} disjoint shares"
        fitting = there // (calibration.documents or 1)
        yield Problem(
            ("calibration", "seeds"),
            f"seed {shares - 1} wants {needs}, and corpus {fewest.corpus} has {there} documents of "
            f"{fewest} for calibration ({_seeds(fitting)}); take lower seeds, or a larger corpus",
        )
        return
    if calibration.windows is None:
        return
    # A document may come with BOS and EOS, which have no bytes.
    tokens = {source: sum(len(d.text.encode()) + 2 for d in documents) for source, documents in drawn.items()}
    needed = {source: wanted[source] * calibration.length for source in drawn}
    worst = min(drawn, key=lambda source: tokens[source] / needed[source], default=None)
    if worst is not None and tokens[worst] < needed[worst] * shares:
        yield Problem(
            ("calibration", "windows"),
            f"{wanted[worst]} windows of {calibration.length} tokens for seeds 0 to {shares - 1} need "
            f"{needed[worst] * shares} tokens of {worst}, and corpus {worst.corpus} has at most {tokens[worst]} for "
            f"calibration ({_seeds(tokens[worst] // needed[worst])}); take fewer or shorter windows, lower seeds, or a "
            "larger corpus",
        )


def _registers_are_there(there: dict[tuple[str, str], list[Document]], calibration: Calibration) -> Iterator[Problem]:
    for name in calibration.calibrations:
        control = calibration.controls.get(name)
        if control is None or control.kind != "register":
            continue
        documents = there.get((calibration.corpus, control.language))
        registers = {document.register for document in documents or () if document.register}
        if documents and control.register not in registers:
            hint = closest(control.register, registers) or f"; there is {listed(sorted(registers))}"
            yield Problem(
                ("calibration", "controls", name, "register"),
                f"no calibration document of {control.language} in corpus {calibration.corpus} has the register "
                f"{control.register}{hint}",
            )


def _contents_are_equal(drawn: dict[Draw, list[Document]], calibration: Calibration) -> Iterator[Problem]:
    """Matched on content, all languages of the corpus take the same documents."""
    if calibration.documents is None:
        return
    taken = (max(calibration.seeds) + 1) * calibration.documents
    names = {
        draw.language: [document.doc_id for document in documents[:taken]]
        for draw, documents in drawn.items()
        if draw.corpus == calibration.corpus and not draw.register
    }
    first = next(iter(names), None)
    for language in names:
        differing = [pair for pair in zip(names[first], names[language], strict=False) if pair[0] != pair[1]]
        if differing:
            yield Problem(
                ("calibration", "documents"),
                f"corpus {calibration.corpus} is not parallel: where {first} has document {spell(differing[0][0])}, "
                f"{language} has {spell(differing[0][1])}; give windows instead, which match calibrations on tokens, or "
                "the documents of all languages the same doc_ids",
            )
            return


def _seeds(fitting: int) -> str:
    return f"seeds 0 to {fitting - 1} may fit" if fitting else "no seed fits"
