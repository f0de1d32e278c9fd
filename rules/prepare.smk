# From sources to calibration windows: models, documents, tokens, windows.


rule prepare_model:
    input:
        unpack(model_files),
    output:
        record=RECORD,
    log:
        "logs/prepare_model/{model}.log",
    benchmark:
        "logs/timings/prepare_model/{model}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.prepare_model"),
        parameters=model_source,
        files=files,
    shell:
        "python -m workflow_scripts.steps.prepare_model {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


rule collect_documents:
    input:
        sources=corpus_files,
    output:
        documents=f"{RESULTS}/corpora/{{corpus}}/{{language}}.parquet",
    log:
        "logs/collect_documents/{corpus}/{language}.log",
    benchmark:
        "logs/timings/collect_documents/{corpus}/{language}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=lambda wildcards: code_of(
            "steps.collect_documents",
            f"corpora.sources.{STUDY.corpora[wildcards.corpus].kind}",
        ),
        parameters=corpus_options,
        path=corpus_path,
    shell:
        "python -m workflow_scripts.steps.collect_documents {params.path} --output {output:q} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


rule tokenize_documents:
    input:
        model=RECORD,
        documents=f"{RESULTS}/corpora/{{corpus}}/{{language}}.parquet",
    output:
        output=TOKENS,
    log:
        "logs/tokenize_documents/{model}/{corpus}/{language}.log",
    benchmark:
        "logs/timings/tokenize_documents/{model}/{corpus}/{language}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tokenize_documents"),
        files=files,
    shell:
        "python -m workflow_scripts.steps.tokenize_documents {params.files} --code {params.code} > {log:q} 2>&1"


rule tokenize_cloze:
    input:
        model=RECORD,
        cloze=cloze_items,
    output:
        output=CLOZE,
    log:
        "logs/tokenize_cloze/{model}/{language}.log",
    benchmark:
        "logs/timings/tokenize_cloze/{model}/{language}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.tokenize_cloze"),
        files=files,
    shell:
        "python -m workflow_scripts.steps.tokenize_cloze {params.files} --code {params.code} > {log:q} 2>&1"


rule collect_questions:
    input:
        unpack(question_source),
    output:
        output=QUESTIONS,
    log:
        "logs/collect_questions/{language}.log",
    benchmark:
        "logs/timings/collect_questions/{language}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.collect_questions"),
        parameters=question_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.steps.collect_questions {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


rule make_control:
    input:
        model=RECORD,
        documents=f"{RESULTS}/corpora/{{corpus}}/{{language}}.parquet",
        tokens=TOKENS,
    output:
        output=f"{RESULTS}/tokens/{{model}}/{{corpus}}/{{language}}~{{control}}.parquet",
    log:
        "logs/make_control/{model}/{corpus}/{language}~{control}.log",
    benchmark:
        "logs/timings/make_control/{model}/{corpus}/{language}~{control}.tsv"
    conda:
        "../envs/polyprune.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=control_gpus,
    params:
        code=control_code,
        parameters=control_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.steps.make_control {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"


rule sample_calibration:
    input:
        model=RECORD,
        tokens=calibration_tokens,
    output:
        output=kept(
            "windows",
            f"{RESULTS}/calibration/{{model}}/{GRID.sample}/{{calibration}}/{{seed}}.parquet",
        ),
    log:
        f"logs/sample_calibration/{{model}}/{GRID.sample}/{{calibration}}/{{seed}}.log",
    benchmark:
        f"logs/timings/sample_calibration/{{model}}/{GRID.sample}/{{calibration}}/{{seed}}.tsv"
    # First of all, for a study stops where the documents do not suffice.
    priority: 1
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.sample_calibration"),
        parameters=calibration_parameters,
        files=files,
    shell:
        "python -m workflow_scripts.steps.sample_calibration {params.files} --parameters {params.parameters:q} --code {params.code} > {log:q} 2>&1"
