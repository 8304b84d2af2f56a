"""A run as a pandas frame in long form."""

import pandas as pd

from results.rows import COLUMNS, rows
from results.run import Run


def frame(run: Run) -> pd.DataFrame:
    """A run's rows, with not-a-number where there is no value."""
    return pd.DataFrame(rows(run), columns=list(COLUMNS))
