"""The schema, the store, statistics and comparison of runs.

Only the plain data types load with the package; numpy, pandas and the JSON Schema validator load with the
modules that use them: `results.statistics`, `results.frame`, `results.schema`, `results.store` and
`results.journal`.
"""

from results.errors import ResultsError
from results.record import Better, Kind, Record, Temperature
from results.run import Run, SubjectInfo

__all__ = ["Better", "Kind", "Record", "ResultsError", "Run", "SubjectInfo", "Temperature"]
