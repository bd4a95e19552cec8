"""REQUIRED INPUTS: {results}/aggregated_metrics.csv, summary_statistics.csv.

OUTPUTS: {results}/figures/, each figure as SVG, PNG and the CSV of its numbers.
"""


localrules:
    figures,


rule figures:
    """Draw the figures of the study, those that `report.figures` names."""
    input:
        study=rules.study.output,
        runs=rules.aggregate.output.runs,
        summary=rules.aggregate.output.summary,
    output:
        expand(f"{FIGURES}/{{figure}}.{{kind}}", figure=plan.figures, kind=["svg", "png", "csv"]),
    log:
        f"{RESULTS}/logs/figures.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=figures_code,
        figures=plan.figures,
        folder=FIGURES,
    shell:
        "python scripts/figures.py"
        " --study {input.study:q}"
        " --figures {params.figures:q}"
        " --folder {params.folder:q}"
        " --log {log:q}"
