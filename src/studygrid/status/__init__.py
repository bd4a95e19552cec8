"""The live view: what a study's event logs say of its runs, its rates and its end.

`StudyReader` reads a results folder to a `StudyState`; `screen`, `document` and `watch` show it.
"""

from studygrid.status.reader import StudyReader
from studygrid.status.states import State
from studygrid.status.study_state import StudyState, study_state

__all__ = ["State", "StudyReader", "StudyState", "study_state"]
