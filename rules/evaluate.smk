# Whatever is evaluated. A job loads the model once and takes a language: all variants of a method and pattern, or the dense model
# and magnitude; of methods that change weights, which are large, the seeds of one calibration.


rule collect_states:
    input:
        model=RECORD,
        tokens=EVALUATED,
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
        code=code_of("steps.collect_states"),
        parameters=perplexity_parameters(),
        files=files,
    shell:
        "python -m workflow_scripts.steps.collect_states {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


for step, measure in MEASURES.items():
    for ending, together in TOGETHER.items():

        rule:
            name:
                f"{step}{ending}"
            input:
                unpack(measure.inputs),
                unpack(masks_of(together)),
                model=RECORD,
            output:
                # The step leaves a file alone that still holds, so that a further variant costs only itself.
                output=update([measure.path(variant) for variant in together.variants]),
            log:
                f"logs/{step}/{{model}}/{together.name}/{measure.name}/{{language}}.log",
            benchmark:
                f"logs/timings/{step}/{{model}}/{together.name}/{measure.name}/{{language}}.tsv"
            wildcard_constraints:
                series=together.series,
            # Weights that are not kept are read, and deleted, before more of them are made.
            priority: together.priority
            conda:
                "../envs/polyprune.yaml"
            threads: STUDY.compute.threads
            resources:
                gpu=gpus(),
            params:
                step=step,
                code=code_of(f"steps.{step}"),
                parameters=measure.parameters,
                files=files,
            shell:
                # A shell command is put together when it runs: the loop is over by then.
                "python -m workflow_scripts.steps.{params.step} {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


# A family lacks some languages: a rule for those that have the same tasks.
for number, (tasks, languages) in enumerate(TASK_SETS.items(), 1):
    for ending, together in TOGETHER.items():

        rule:
            name:
                study.numbered(f"score_tasks{ending}", number)
            input:
                unpack(task_files(tasks)),
                unpack(masks_of(together)),
                model=RECORD,
            output:
                output=update(
                    [
                        f"{RESULTS}/tasks/{{model}}/{variant}/{task}-{TASK_ITEMS}/{{language}}.parquet"
                        for task in tasks
                        for variant in together.variants
                    ]
                ),
            log:
                f"logs/score_tasks/{{model}}/{together.name}/{{language}}.log",
            benchmark:
                f"logs/timings/score_tasks/{{model}}/{together.name}/{{language}}.tsv"
            wildcard_constraints:
                language="|".join(languages),
                series=together.series,
            priority: together.priority
            conda:
                "../envs/polyprune.yaml"
            threads: STUDY.compute.threads
            resources:
                gpu=gpus(),
            params:
                code=code_of("steps.score_tasks"),
                parameters=task_parameters(),
                tasks=tasks_told(tasks),
                sources=task_sources(tasks),
                files=variant_files,
                progress=PROGRESS,
            shell:
                "python -m workflow_scripts.steps.score_tasks {params.files} --parameters {params.parameters:q} --tasks {params.tasks:q}"
                " --sources {params.sources:q} --language {wildcards.language:q} --progress {params.progress} --code {params.code}"
                " > {log:q} 2>&1"
