"""REQUIRED INPUTS: none; the raw data is named by the config.

OUTPUTS: {results}/data/res{resolution}/data.json, the record of the arrays beside it.
"""


rule prepare:
    """Resize the data once; its record holds no time, so equal data re-runs nothing."""
    output:
        record=f"{RESULTS}/data/res{{resolution}}/data.json",
    log:
        f"{RESULTS}/data/res{{resolution}}/prepare.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: plan.dataset.workers
    resources:
        mem_mb=mem_mb,
        runtime=runtime,
    params:
        spec=data_spec,
        code=prepare_code,
    shell:
        "python scripts/prepare.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --output {output.record:q}"
        " --threads {threads}"
        " --log {log:q}"
