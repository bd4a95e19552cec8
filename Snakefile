from snakemake.utils import min_version

min_version("9.19")


# A study named on the command line replaces the default one; Snakemake would merge the two.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/report.smk"


# It names the records too: a deleted one is remade though the tables are newer.
rule all:
    default_target: True
    input:
        rules.aggregate.input,
        rules.aggregate.output,
        rules.figures.output,
        rules.tables.output,
        rules.resomap.output,
        rules.report.output,
        rules.manifest.output,
        inference_outputs(),
