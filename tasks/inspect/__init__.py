"""Stage `inspect`: read a delivery back and hold it against what was promised.

`VERSION` goes into the recipe's hash: raise it when a check is added or a threshold moves.
"""

from tasks.inspect.delivery import inspect
from tasks.inspect.report import Fault, Measurement, Report

VERSION = 1

__all__ = ["VERSION", "Fault", "Measurement", "Report", "inspect"]
