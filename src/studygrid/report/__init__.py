"""The report of a study: one page, from the question to the provenance.

Sections are plain data (`blocks`), made by functions in a registry (`sections`) to which a family
adds its own, and rendered in several formats (`formats`).
"""
