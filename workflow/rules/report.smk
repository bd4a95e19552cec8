"""REQUIRED INPUTS: {results}/aggregated_metrics.csv, summary_statistics.csv, and their records.

OUTPUTS: {results}/figures/, tables/, inference/, report.html, manifest.yaml; ResoMap's layout: test_results/,
all_results.csv, results_summary.json, detailed_report.txt.

These are made from the records as they stand when the job runs; the tables that they name as
inputs only say when that must be. `partial` makes what can be made of an unfinished study.
"""


localrules:
    figures,
    tables,
    resomap,
    inference_summary,
    report,
    manifest,
    partial,


rule figures:
    """Draw the figures of the study, those that `report.figures` names."""
    input:
        study=rules.study.output,
        runs=rules.aggregate.output.runs,
    output:
        figure_files(),
    log:
        f"{RESULTS}/logs/figures.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=figures_code,
        figures=plan.figures,
    shell:
        "python scripts/figures.py"
        " --study {input.study:q}"
        " --figures {params.figures:q}"
        " --log {log:q}"


rule tables:
    """Write the tables as CSV, Markdown, LaTeX and a spreadsheet."""
    input:
        study=rules.study.output,
        runs=rules.aggregate.output.runs,
    output:
        expand(f"{TABLES}/{{file}}", file=table_files()),
    log:
        f"{RESULTS}/logs/tables.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=tables_code,
    shell:
        "python scripts/tables.py" " --study {input.study:q}" " --log {log:q}"


rule resomap:
    """Write the results in ResoMap's layout, the summary and the report in plain text."""
    input:
        study=rules.study.output,
        runs=rules.aggregate.output.runs,
    output:
        expand(f"{RESULTS}/{{file}}", file=layout_files(plan)),
    log:
        f"{RESULTS}/logs/resomap.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=resomap_code,
    shell:
        "python scripts/resomap.py" " --study {input.study:q}" " --log {log:q}"


rule inference_summary:
    """Write what inference found: means over seeds, a row a run, and its figures."""
    input:
        study=rules.study.output,
        infer=run_records("inference"),
    output:
        summary=f"{INFERENCE}/summary.json",
        runs=f"{INFERENCE}/runs.csv",
        figures=inference_figure_files(),
    log:
        f"{RESULTS}/logs/inference_summary.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=inference_summary_code,
        figures=plan.inference_figures,
    shell:
        "python scripts/inference_summary.py"
        " --study {input.study:q}"
        " --figures {params.figures:q}"
        " --output {output.summary:q}"
        " --log {log:q}"


rule report:
    """Write the report: one page with everything in it."""
    input:
        study=rules.study.output,
        runs=rules.aggregate.output.runs,
        figures=rules.figures.output,
        inference=inference_found(),
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=report_code,
        figures=plan.figures,
    shell:
        "python scripts/report.py"
        " --study {input.study:q}"
        " --figures {params.figures:q}"
        " --output {output:q}"
        " --log {log:q}"


rule manifest:
    """Write what the report is made of, and into each run which report shows it."""
    input:
        study=rules.study.output,
        figures=rules.figures.output,
        tables=rules.tables.output,
        report=rules.report.output,
    output:
        f"{RESULTS}/manifest.yaml",
    log:
        f"{RESULTS}/logs/manifest.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=manifest_code,
        figures=plan.figures,
    shell:
        "python scripts/manifest.py"
        " --study {input.study:q}"
        " --figures {params.figures:q}"
        " --report {input.report:q}"
        " --output {output:q}"
        " --log {log:q}"


rule partial:
    """Aggregate what is there now, whatever is missing.

    It names no input and no output: so it always runs, and beside a Snakemake that runs the study.
    """
    log:
        f"{RESULTS}/logs/partial.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        resolved=rules.study.params.resolved,
        study=rules.study.output,
        folder=RESULTS,
    shell:
        "python scripts/write_study.py --resolved {params.resolved:q} --output {params.study:q}"
        " && python scripts/aggregate_results.py --results {params.folder:q} 2>&1 | tee {log:q}"
