from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/prepare.smk"
include: "rules/prune.smk"
include: "rules/evaluate.smk"
include: "rules/analyse.smk"
include: "rules/publish.smk"


rule all:
    default_target: True
    input:
        REPORT,
        figure_targets(),
        # What a study hands over beside the report, should it be missing, although nothing else waits for it.
        mask_targets(),
        perplexity_targets(),
        cloze_targets(),
        task_targets(),
        tasks_table().values(),
        answer_targets(),
        continuation_targets(),
        representation_targets(),
        activation_targets(),
        analysis_tables(),


rule masks:
    input:
        mask_targets(),


rule perplexities:
    input:
        perplexity_targets(),
