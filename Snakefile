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


rule masks:
    input:
        mask_targets(),


rule perplexities:
    input:
        perplexity_targets(),
