# Figures, and the report that people read.


rule draw_figures:
    input:
        tables=analysis_tables(),
    output:
        record=f"{REPORTS}/figures/provenance.json",
        output=[
            *expand(f"{REPORTS}/figures/{{figure}}.svg", figure=FIGURES),
            *(
                report(
                    f"{REPORTS}/figures/{figure}.png",
                    caption=f"../workflow_scripts/reporting/sections/{figure}.rst",
                    category="Figures",
                )
                for figure in FIGURES
            ),
        ],
    log:
        f"logs/draw_figures/{STUDY.study}.log",
    benchmark:
        f"logs/timings/draw_figures/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.draw_figures", *section_modules(), *DECLARED_METHODS),
        calibrations=calibrations_in_words(),
        files=files,
    shell:
        "python -m workflow_scripts.steps.draw_figures {params.files} --calibrations {params.calibrations:q} --code {params.code} > {log:q} 2>&1"


rule write_report:
    input:
        models=expand(RECORD, model=GRID.models),
        documents=documents_of_study(),
        tables=analysis_tables(),
        perplexity=f"{REPORTS}/tables/perplexity.parquet",
    output:
        record=f"{REPORTS}/provenance.json",
        output=report(
            REPORT,
            caption="../workflow_scripts/reporting/report.rst",
            category="Report",
        ),
    log:
        f"logs/write_report/{STUDY.study}.log",
    benchmark:
        f"logs/timings/write_report/{STUDY.study}.tsv"
    conda:
        "../envs/polyprune.yaml"
    params:
        code=code_of("steps.write_report", *section_modules(), *DECLARED_METHODS),
        study=STUDY.study,
        # As a function: braces in a text, such as a prompt's, would be taken as wildcards.
        command=lambda wildcards: reproduction(
            next(iter(workflow.overwrite_configfiles), None),
            workflow.config_settings.config,
            HOME,
        ),
        setup=setup(),
        calibrations=calibrations_in_words(),
        corpora=stated_of_corpora(),
        files=files,
    shell:
        "python -m workflow_scripts.steps.write_report {params.files} --study {params.study} --command {params.command:q} --setup {params.setup:q}"
        " --calibrations {params.calibrations:q} --corpora {params.corpora:q}"
        # What is there when the report is written: an input would make it anew after every job.
        " --timings logs/timings"
        " --code {params.code} > {log:q} 2>&1"
