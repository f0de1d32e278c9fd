# From artifacts to tables; cheap, for it runs again whenever a row is added.


rule tabulate_perplexity:
    input:
        perplexity=perplexity_targets(),
        tokens=evaluation_tokens(),
    output:
        f"{REPORTS}/tables/perplexity.parquet",
    log:
        f"logs/tabulate_perplexity/{STUDY.study}.log",
    benchmark:
        f"logs/timings/tabulate_perplexity/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tabulate_perplexity"),
        grid=canonical_json(asdict(PERPLEXITY_GRID)),
        corpus=STUDY.evaluation.corpus,
    shell:
        f"python -m workflow_scripts.steps.tabulate_perplexity --results {RESULTS} --corpus {{params.corpus}}"
        " --grid {params.grid:q}"
        " --output {output:q} --code {params.code} > {log:q} 2>&1"


rule tabulate_cloze:
    input:
        cloze=cloze_targets(),
        tokens=sorted(expand(CLOZE, model=GRID.models, language=GRID.cloze_languages)),
    output:
        f"{REPORTS}/tables/cloze.parquet",
    log:
        f"logs/tabulate_cloze/{STUDY.study}.log",
    benchmark:
        f"logs/timings/tabulate_cloze/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tabulate_cloze"),
        grid=canonical_json(asdict(CLOZE_GRID)),
    shell:
        f"python -m workflow_scripts.steps.tabulate_cloze --results {RESULTS}"
        " --grid {params.grid:q} --output {output:q} --code {params.code} > {log:q} 2>&1"


rule tabulate_tasks:
    input:
        tasks=task_targets(),
        models=expand(RECORD, model=GRID.models),
    output:
        f"{REPORTS}/tables/tasks.parquet",
    log:
        f"logs/tabulate_tasks/{STUDY.study}.log",
    benchmark:
        f"logs/timings/tabulate_tasks/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tabulate_tasks"),
        grid=canonical_json(asdict(MASK_GRID)),
        languages=languages_of_tasks(),
        asked=TASK_ITEMS,
    shell:
        f"python -m workflow_scripts.steps.tabulate_tasks --results {RESULTS}"
        " --grid {params.grid:q} --languages {params.languages:q} --items {params.asked}"
        " --output {output:q} --code {params.code} > {log:q} 2>&1"


rule tabulate_questions:
    input:
        answers=answer_targets(),
        questions=expand(QUESTIONS, language=QUESTION_LANGUAGES),
    output:
        f"{REPORTS}/tables/questions.parquet",
    log:
        f"logs/tabulate_questions/{STUDY.study}.log",
    benchmark:
        f"logs/timings/tabulate_questions/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tabulate_questions"),
        grid=canonical_json(asdict(MASK_GRID)),
        parameters=canonical_json(
            {
                "questions": ASKED.collected if ASKED else paths.NONE,
                "sample": ANSWERS,
                "languages": QUESTION_LANGUAGES,
            }
        ),
    shell:
        f"python -m workflow_scripts.steps.tabulate_questions --results {RESULTS}"
        " --grid {params.grid:q} --parameters {params.parameters:q} --output {output:q} --code {params.code} > {log:q} 2>&1"


rule tabulate_continuations:
    input:
        continuations=continuation_targets(),
        tokens=sorted(
            expand(
                TOKENS,
                model=GRID.models,
                corpus=STUDY.evaluation.corpus,
                language=CONTINUATION_LANGUAGES,
            )
        ),
    output:
        f"{REPORTS}/tables/continuations.parquet",
    log:
        f"logs/tabulate_continuations/{STUDY.study}.log",
    benchmark:
        f"logs/timings/tabulate_continuations/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tabulate_continuations"),
        grid=canonical_json(asdict(MASK_GRID)),
        parameters=canonical_json(
            {
                "corpus": STUDY.evaluation.corpus,
                "sample": CONTINUED,
                "languages": CONTINUATION_LANGUAGES,
                "judged_by": installed("py3langid"),
            }
        ),
    shell:
        f"python -m workflow_scripts.steps.tabulate_continuations --results {RESULTS}"
        " --grid {params.grid:q} --parameters {params.parameters:q} --output {output:q} --code {params.code} > {log:q} 2>&1"


rule tabulate_layers:
    input:
        layers=layer_targets(),
    output:
        f"{REPORTS}/tables/layers.parquet",
    log:
        f"logs/tabulate_layers/{STUDY.study}.log",
    benchmark:
        f"logs/timings/tabulate_layers/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tabulate_layers"),
        grid=canonical_json(asdict(MASK_GRID)),
    shell:
        f"python -m workflow_scripts.steps.tabulate_layers --results {RESULTS}"
        " --grid {params.grid:q}"
        " --output {output:q} --code {params.code} > {log:q} 2>&1"


rule overlap_masks:
    input:
        masks=masks_of_method,
        layers=layers_of_method,
    output:
        output=f"{REPORTS}/overlap/{{model}}/{{method}}-{{pattern}}.parquet",
    log:
        f"logs/overlap_masks/{STUDY.study}/{{model}}/{{method}}-{{pattern}}.log",
    benchmark:
        f"logs/timings/overlap_masks/{STUDY.study}/{{model}}/{{method}}-{{pattern}}.tsv"
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    params:
        code=code_of("steps.overlap_masks"),
        grid=overlap_grid,
        languages=languages_of_calibrations(),
        files=files,
    shell:
        "python -m workflow_scripts.steps.overlap_masks {params.files} --grid {params.grid:q} --languages {params.languages:q} --model {wildcards.model:q} --method {wildcards.method}"
        " --pattern {wildcards.pattern} --threads {threads} --code {params.code} > {log:q} 2>&1"


rule compare_calibrations:
    input:
        **cloze_table(),
        **tasks_table(),
        **generated_tables(),
        perplexity=f"{REPORTS}/tables/perplexity.parquet",
        overlap=overlap_parts(),
        layers=f"{REPORTS}/tables/layers.parquet",
    output:
        tables=expand(f"{REPORTS}/tables/{{table}}.parquet", table=TABLES),
    log:
        f"logs/compare_calibrations/{STUDY.study}.log",
    benchmark:
        f"logs/timings/compare_calibrations/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.compare_calibrations"),
        kinds=kinds_of_calibrations(),
        files=files,
    shell:
        "python -m workflow_scripts.steps.compare_calibrations {params.files} --kinds {params.kinds:q}"
        " --code {params.code} > {log:q} 2>&1"


if REPRESENTATION_TABLES:

    rule compare_representations:
        input:
            representations=representation_targets(),
            documents=expand(
                f"{RESULTS}/corpora/{STUDY.evaluation.corpus}/{{language}}.parquet",
                language=GRID.languages,
            ),
        output:
            tables=expand(
                f"{REPORTS}/tables/{{table}}.parquet", table=REPRESENTATION_TABLES
            ),
        log:
            f"logs/compare_representations/{STUDY.study}.log",
        benchmark:
            f"logs/timings/compare_representations/{STUDY.study}.tsv"
        conda:
            "../envs/polyprune.yaml"
        params:
            code=code_of("steps.compare_representations"),
            grid=canonical_json(asdict(MASK_GRID)),
            parameters=canonical_json(
                {
                    "corpus": STUDY.evaluation.corpus,
                    "documents": STUDY.evaluation.representations.documents,
                    "sample": REPRESENTED,
                    "languages": GRID.languages,
                    "kinds": {
                        name: STUDY.calibration.kind(name) for name in GRID.names
                    },
                }
            ),
            files=lambda wildcards, output: files(wildcards, {}, output),
        shell:
            f"python -m workflow_scripts.steps.compare_representations --results {RESULTS} {{params.files}}"
            " --grid {params.grid:q} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


if ACTIVATION_TABLES:

    rule compare_activations:
        input:
            activations=activation_targets(),
            tokens=evaluation_tokens(),
        output:
            tables=expand(
                f"{REPORTS}/tables/{{table}}.parquet", table=ACTIVATION_TABLES
            ),
        log:
            f"logs/compare_activations/{STUDY.study}.log",
        benchmark:
            f"logs/timings/compare_activations/{STUDY.study}.tsv"
        conda:
            "../envs/polyprune.yaml"
        params:
            code=code_of("steps.compare_activations"),
            grid=canonical_json(asdict(MASK_GRID)),
            parameters=canonical_json(
                {
                    "corpus": STUDY.evaluation.corpus,
                    "sample": COUNTED,
                    "languages": GRID.languages,
                }
            ),
            files=lambda wildcards, output: files(wildcards, {}, output),
        shell:
            f"python -m workflow_scripts.steps.compare_activations --results {RESULTS} {{params.files}}"
            " --grid {params.grid:q} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"
