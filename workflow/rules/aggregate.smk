"""REQUIRED INPUTS: train.json and evaluate.json of every run; every profile.

OUTPUTS: {results}/study.yaml, aggregated_metrics.csv, summary_statistics.csv.
"""


localrules:
    study,
    aggregate,


rule study:
    """Write the resolved config beside the results."""
    output:
        f"{RESULTS}/study.yaml",
    log:
        f"{RESULTS}/logs/study.log",
    priority: 1  # `studygrid status` reads it while the study runs
    conda:
        "../../envs/studygrid.yaml"
    params:
        resolved=json.dumps(plan.resolved()),
    shell:
        "python scripts/write_study.py"
        " --resolved {params.resolved:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule aggregate:
    """Gather the records into one row a run, and one row a cell and metric."""
    input:
        study=rules.study.output,
        train=run_records("train"),
        evaluate=run_records("evaluate"),
        profile=expand(PROFILE, zip, **profile_axes()),
    output:
        runs=f"{RESULTS}/aggregated_metrics.csv",
        summary=f"{RESULTS}/summary_statistics.csv",
    log:
        f"{RESULTS}/logs/aggregate.log",
    conda:
        "../../envs/studygrid.yaml"
    params:
        code=aggregate_code,
    shell:
        "python scripts/aggregate.py"
        " --study {input.study:q}"
        " --runs {output.runs:q}"
        " --summary {output.summary:q}"
        " --log {log:q}"
