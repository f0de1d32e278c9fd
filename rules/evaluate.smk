# Whatever is evaluated: one job, and one model load, for all seeds of a setting in one language.


rule collect_states:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
    output:
        output=STATES,
    log:
        f"logs/collect_states/{{model}}/{GRID.evaluation}/{{language}}.log",
    benchmark:
        f"logs/timings/collect_states/{{model}}/{GRID.evaluation}/{{language}}.tsv"
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("collect_states"),
        parameters=perplexity_parameters(),
        files=files,
    shell:
        "python -m workflow_scripts.collect_states {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


rule measure_perplexity:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        states=STATES,
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
    output:
        # The step leaves a file alone that still holds, so that a further seed costs only itself.
        output=update(
            [
                f"{RESULTS}/perplexity/{{model}}/{{series}}/{seed}/{GRID.evaluation}/{{language}}.parquet"
                for seed in GRID.seeds
            ]
        ),
    log:
        f"logs/measure_perplexity/{{model}}/{{series}}/{GRID.evaluation}/{{language}}.log",
    benchmark:
        f"logs/timings/measure_perplexity/{{model}}/{{series}}/{GRID.evaluation}/{{language}}.tsv"
    wildcard_constraints:
        series=f"({MASKS_ONLY})/[^/]+/{SAMPLE}/[^/]+",
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("measure_perplexity"),
        parameters=perplexity_parameters(),
        files=files,
    shell:
        "python -m workflow_scripts.measure_perplexity {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


use rule measure_perplexity as measure_perplexity_of_weights with:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        states=STATES,
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        weights=[f"{SERIES}/{seed}/weights.safetensors" for seed in GRID.seeds],
    wildcard_constraints:
        series=f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
    # Weights that are not kept are read, and deleted, before more of them are made.
    priority: 0 if STUDY.keep.weights else 1


use rule measure_perplexity as measure_perplexity_of_one with:
    input:
        unpack(mask_of),
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        states=STATES,
    output:
        output=f"{RESULTS}/perplexity/{{model}}/{{variant}}/{GRID.evaluation}/{{language}}.parquet",
    log:
        f"logs/measure_perplexity/{{model}}/{{variant}}/{GRID.evaluation}/{{language}}.log",
    benchmark:
        f"logs/timings/measure_perplexity/{{model}}/{{variant}}/{GRID.evaluation}/{{language}}.tsv"
    wildcard_constraints:
        variant="dense|magnitude/[^/]+/none/none/0",


rule score_cloze:
    input:
        model=RECORD,
        cloze=CLOZE,
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
    output:
        output=update(
            [
                f"{RESULTS}/tasks/{{model}}/{{series}}/{seed}/cloze-{GRID.cloze}/{{language}}.parquet"
                for seed in GRID.seeds
            ]
        ),
    log:
        f"logs/score_cloze/{{model}}/{{series}}/cloze-{GRID.cloze}/{{language}}.log",
    benchmark:
        f"logs/timings/score_cloze/{{model}}/{{series}}/cloze-{GRID.cloze}/{{language}}.tsv"
    wildcard_constraints:
        series=f"({MASKS_ONLY})/[^/]+/{SAMPLE}/[^/]+",
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("score_cloze"),
        parameters=cloze_parameters(),
        files=files,
    shell:
        "python -m workflow_scripts.score_cloze {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


use rule score_cloze as score_cloze_of_weights with:
    input:
        model=RECORD,
        cloze=CLOZE,
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        weights=[f"{SERIES}/{seed}/weights.safetensors" for seed in GRID.seeds],
    wildcard_constraints:
        series=f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
    priority: 0 if STUDY.keep.weights else 1


use rule score_cloze as score_cloze_of_one with:
    input:
        unpack(mask_of),
        model=RECORD,
        cloze=CLOZE,
    output:
        output=f"{RESULTS}/tasks/{{model}}/{{variant}}/cloze-{GRID.cloze}/{{language}}.parquet",
    log:
        f"logs/score_cloze/{{model}}/{{variant}}/cloze-{GRID.cloze}/{{language}}.log",
    benchmark:
        f"logs/timings/score_cloze/{{model}}/{{variant}}/cloze-{GRID.cloze}/{{language}}.tsv"
    wildcard_constraints:
        variant="dense|magnitude/[^/]+/none/none/0",


# A family lacks some languages: a rule for those that have the same tasks.
for number, (tasks, languages) in enumerate(TASK_SETS.items(), 1):

    rule:
        name:
            study.numbered("score_tasks", number)
        input:
            unpack(task_files(tasks)),
            unpack(weights_of_series),
            model=RECORD,
            masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        output:
            # The step leaves a file alone that still holds, so that a further task or seed costs only itself.
            output=update(
                [
                    f"{RESULTS}/tasks/{{model}}/{{series}}/{seed}/{task}-{TASK_ITEMS}/{{language}}.parquet"
                    for task in tasks
                    for seed in GRID.seeds
                ]
            ),
        log:
            "logs/score_tasks/{model}/{series}/{language}.log",
        benchmark:
            "logs/timings/score_tasks/{model}/{series}/{language}.tsv"
        wildcard_constraints:
            language="|".join(languages),
            series=f"({MASKS_ONLY}|{CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
        # Weights that are not kept are read, and deleted, before more of them are made.
        priority: 0 if STUDY.keep.weights else 1
        conda:
            "../envs/polyprune.yaml"
        threads: STUDY.compute.threads
        resources:
            gpu=gpus(),
        params:
            code=code_of("score_tasks"),
            parameters=task_parameters(),
            tasks=tasks_told(tasks),
            sources=task_sources(tasks),
            files=variant_files,
            progress=PROGRESS,
        shell:
            "python -m workflow_scripts.score_tasks {params.files} --parameters {params.parameters:q} --tasks {params.tasks:q}"
            " --sources {params.sources:q} --language {wildcards.language:q} --progress {params.progress} --code {params.code} > {log:q} 2>&1"

    rule:
        name:
            study.numbered("score_tasks_of_one", number)
        input:
            unpack(task_files(tasks)),
            unpack(mask_of),
            model=RECORD,
        output:
            output=update(
                [
                    f"{RESULTS}/tasks/{{model}}/{{variant}}/{task}-{TASK_ITEMS}/{{language}}.parquet"
                    for task in tasks
                ]
            ),
        log:
            "logs/score_tasks/{model}/{variant}/{language}.log",
        benchmark:
            "logs/timings/score_tasks/{model}/{variant}/{language}.tsv"
        wildcard_constraints:
            language="|".join(languages),
            variant="dense|magnitude/[^/]+/none/none/0",
        conda:
            "../envs/polyprune.yaml"
        threads: STUDY.compute.threads
        resources:
            gpu=gpus(),
        params:
            code=code_of("score_tasks"),
            parameters=task_parameters(),
            tasks=tasks_told(tasks),
            sources=task_sources(tasks),
            files=variant_files,
            progress=PROGRESS,
        shell:
            "python -m workflow_scripts.score_tasks {params.files} --parameters {params.parameters:q} --tasks {params.tasks:q}"
            " --sources {params.sources:q} --language {wildcards.language:q} --progress {params.progress} --code {params.code} > {log:q} 2>&1"


rule answer_questions:
    input:
        model=RECORD,
        questions=QUESTIONS,
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
    output:
        output=update(
            [
                f"{RESULTS}/questions/{{model}}/{{series}}/{seed}/{ANSWERS}/{{language}}.parquet"
                for seed in GRID.seeds
            ]
        ),
    log:
        f"logs/answer_questions/{{model}}/{{series}}/{ANSWERS}/{{language}}.log",
    benchmark:
        f"logs/timings/answer_questions/{{model}}/{{series}}/{ANSWERS}/{{language}}.tsv"
    wildcard_constraints:
        series=f"({MASKS_ONLY})/[^/]+/{SAMPLE}/[^/]+",
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("answer_questions"),
        parameters=answer_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.answer_questions {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


use rule answer_questions as answer_questions_of_weights with:
    input:
        model=RECORD,
        questions=QUESTIONS,
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        weights=[f"{SERIES}/{seed}/weights.safetensors" for seed in GRID.seeds],
    wildcard_constraints:
        series=f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
    priority: 0 if STUDY.keep.weights else 1


use rule answer_questions as answer_questions_of_one with:
    input:
        unpack(mask_of),
        model=RECORD,
        questions=QUESTIONS,
    output:
        output=f"{RESULTS}/questions/{{model}}/{{variant}}/{ANSWERS}/{{language}}.parquet",
    log:
        f"logs/answer_questions/{{model}}/{{variant}}/{ANSWERS}/{{language}}.log",
    benchmark:
        f"logs/timings/answer_questions/{{model}}/{{variant}}/{ANSWERS}/{{language}}.tsv"
    wildcard_constraints:
        variant="dense|magnitude/[^/]+/none/none/0",


rule continue_prompts:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
    output:
        output=update(
            [
                f"{RESULTS}/continuations/{{model}}/{{series}}/{seed}/{CONTINUED}/{{language}}.parquet"
                for seed in GRID.seeds
            ]
        ),
    log:
        f"logs/continue_prompts/{{model}}/{{series}}/{CONTINUED}/{{language}}.log",
    benchmark:
        f"logs/timings/continue_prompts/{{model}}/{{series}}/{CONTINUED}/{{language}}.tsv"
    wildcard_constraints:
        series=f"({MASKS_ONLY})/[^/]+/{SAMPLE}/[^/]+",
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("continue_prompts"),
        parameters=continuation_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.continue_prompts {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


use rule continue_prompts as continue_prompts_of_weights with:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        weights=[f"{SERIES}/{seed}/weights.safetensors" for seed in GRID.seeds],
    wildcard_constraints:
        series=f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
    priority: 0 if STUDY.keep.weights else 1


use rule continue_prompts as continue_prompts_of_one with:
    input:
        unpack(mask_of),
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
    output:
        output=f"{RESULTS}/continuations/{{model}}/{{variant}}/{CONTINUED}/{{language}}.parquet",
    log:
        f"logs/continue_prompts/{{model}}/{{variant}}/{CONTINUED}/{{language}}.log",
    benchmark:
        f"logs/timings/continue_prompts/{{model}}/{{variant}}/{CONTINUED}/{{language}}.tsv"
    wildcard_constraints:
        variant="dense|magnitude/[^/]+/none/none/0",


rule collect_representations:
    input:
        model=RECORD,
        documents=f"{RESULTS}/corpora/{STUDY.evaluation.corpus}/{{language}}.parquet",
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
    output:
        output=update(
            [
                f"{RESULTS}/representations/{{model}}/{{series}}/{seed}/{REPRESENTED}/{{language}}.safetensors"
                for seed in GRID.seeds
            ]
        ),
    log:
        f"logs/collect_representations/{{model}}/{{series}}/{REPRESENTED}/{{language}}.log",
    benchmark:
        f"logs/timings/collect_representations/{{model}}/{{series}}/{REPRESENTED}/{{language}}.tsv"
    wildcard_constraints:
        series=f"({MASKS_ONLY})/[^/]+/{SAMPLE}/[^/]+",
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("collect_representations"),
        parameters=representation_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.collect_representations {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


use rule collect_representations as collect_representations_of_weights with:
    input:
        model=RECORD,
        documents=f"{RESULTS}/corpora/{STUDY.evaluation.corpus}/{{language}}.parquet",
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        weights=[f"{SERIES}/{seed}/weights.safetensors" for seed in GRID.seeds],
    wildcard_constraints:
        series=f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
    priority: 0 if STUDY.keep.weights else 1


use rule collect_representations as collect_representations_of_one with:
    input:
        unpack(mask_of),
        model=RECORD,
        documents=f"{RESULTS}/corpora/{STUDY.evaluation.corpus}/{{language}}.parquet",
    output:
        output=f"{RESULTS}/representations/{{model}}/{{variant}}/{REPRESENTED}/{{language}}.safetensors",
    log:
        f"logs/collect_representations/{{model}}/{{variant}}/{REPRESENTED}/{{language}}.log",
    benchmark:
        f"logs/timings/collect_representations/{{model}}/{{variant}}/{REPRESENTED}/{{language}}.tsv"
    wildcard_constraints:
        variant="dense|magnitude/[^/]+/none/none/0",


rule count_activations:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
    output:
        output=update(
            [
                f"{RESULTS}/activations/{{model}}/{{series}}/{seed}/{COUNTED}/{{language}}.parquet"
                for seed in GRID.seeds
            ]
        ),
    log:
        f"logs/count_activations/{{model}}/{{series}}/{COUNTED}/{{language}}.log",
    benchmark:
        f"logs/timings/count_activations/{{model}}/{{series}}/{COUNTED}/{{language}}.tsv"
    wildcard_constraints:
        series=f"({MASKS_ONLY})/[^/]+/{SAMPLE}/[^/]+",
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
    params:
        code=code_of("count_activations"),
        parameters=activation_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.count_activations {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


use rule count_activations as count_activations_of_weights with:
    input:
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
        masks=[f"{SERIES}/{seed}/masks.parquet" for seed in GRID.seeds],
        weights=[f"{SERIES}/{seed}/weights.safetensors" for seed in GRID.seeds],
    wildcard_constraints:
        series=f"({CHANGING_WEIGHTS})/[^/]+/{SAMPLE}/[^/]+",
    priority: 0 if STUDY.keep.weights else 1


use rule count_activations as count_activations_of_one with:
    input:
        unpack(mask_of),
        model=RECORD,
        tokens=f"{RESULTS}/tokens/{{model}}/{STUDY.evaluation.corpus}/{{language}}.parquet",
    output:
        output=f"{RESULTS}/activations/{{model}}/{{variant}}/{COUNTED}/{{language}}.parquet",
    log:
        f"logs/count_activations/{{model}}/{{variant}}/{COUNTED}/{{language}}.log",
    benchmark:
        f"logs/timings/count_activations/{{model}}/{{variant}}/{COUNTED}/{{language}}.tsv"
    wildcard_constraints:
        variant="dense|magnitude/[^/]+/none/none/0",
