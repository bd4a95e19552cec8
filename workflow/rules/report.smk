"""REQUIRED INPUTS: {results}/aggregated_metrics.csv, summary_statistics.csv.

OUTPUTS: {results}/figures/, each figure as SVG, PNG and the CSV of its numbers.
"""


localrules:
    figures,


rule figures:
    """Draw the test metric against resolution and training-set size."""
    input:
        study=rules.study.output,
        runs=rules.aggregate.output.runs,
        summary=rules.aggregate.output.summary,
    output:
        multiext(f"{RESULTS}/figures/metric_by_axis", ".svg", ".png", ".csv"),
    log:
        f"{RESULTS}/logs/figures.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=figures_code,
    shell:
        "python scripts/figures.py" " --study {input.study:q}" " --log {log:q}"
