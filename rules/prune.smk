# Masks, and the kept weights of the methods that change them.


rule prune_model:
    input:
        unpack(windows_of),
        model=RECORD,
    output:
        masks=f"{VARIANT}/masks.parquet",
        layers=f"{VARIANT}/layers.parquet",
    log:
        "logs/prune_model/{model}/{method}/{pattern}/{sample}/{calibration}/{seed}.log",
    benchmark:
        "logs/timings/prune_model/{model}/{method}/{pattern}/{sample}/{calibration}/{seed}.tsv"
    wildcard_constraints:
        method=MASKS_ONLY,
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus(),
        memory=STUDY.pruning.memory,
    params:
        code=pruning_code,
        parameters=pruning_parameters,
        files=files,
        progress=PROGRESS,
    shell:
        "python -m workflow_scripts.steps.prune_model {params.files} --parameters {params.parameters:q} --code {params.code}"
        " --memory {resources.memory:q} --progress {params.progress} > {log:q} 2>&1"


use rule prune_model as prune_model_and_weights with:
    output:
        masks=f"{VARIANT}/masks.parquet",
        layers=f"{VARIANT}/layers.parquet",
        weights=kept("weights", f"{VARIANT}/weights.safetensors"),
    wildcard_constraints:
        method=CHANGING_WEIGHTS,
