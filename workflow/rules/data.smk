"""REQUIRED INPUTS: none; the raw data is named by the config.

OUTPUTS: {results}/data/res{resolution}/data.json, the record of the arrays beside it.
"""


rule prepare:
    """Resize the data once; its record holds no time, so equal data re-runs nothing."""
    output:
        record=f"{RESULTS}/data/res{{resolution}}/data.json",
    log:
        f"{RESULTS}/data/res{{resolution}}/prepare.log",
    params:
        spec=data_spec,
        code=fingerprints.prepare_code(plan.family, plan.dataset.name),
    threads: 1
    conda:
        "../../envs/studygrid.yaml"
    shell:
        "python {SCRIPTS}/prepare.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --output {output.record:q}"
        " --locks {LOCKS:q}"
        " --threads {threads}"
        " --log {log:q}"
