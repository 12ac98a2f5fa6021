"""Logs for machines: one JSON object a line on stderr, where DAILIES_LOG_FORMAT says json.

`time` (UTC), `level`, `logger` and `message` are in each line; `run_id`, `batch_id`, `worker` and `shot_id` where they
are known; `exception` is the traceback of one. Prefect's own lines, and those of its workers and flow runs, come the
same way: `json_logging.yaml` is what Prefect is told, since it sets logging up by itself.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tasks.told_of import told_of

PREFECT: Final = Path(__file__).with_name("json_logging.yaml")
LEVEL: Final = logging.INFO
"""Of our own lines: when a batch, a shot and a worker begin and end. Others' count from warnings on."""
SUBJECTS: Final = ("run_id", "batch_id", "worker", "shot_id")
"""What a line says besides; also as `extra` of the call that writes it."""


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= told_of()
        line |= {name: value for name in SUBJECTS if isinstance(value := getattr(record, name, None), str)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def wanted() -> bool:
    """Whether lines are for machines, in this process and in those it starts."""
    return os.environ.get("DAILIES_LOG_FORMAT", "") == "json"


def begin() -> None:
    """Write lines for machines from now on, where that is wanted. Before Prefect is imported."""
    if not wanted():
        return
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(PREFECT))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("dailies").setLevel(LEVEL)
    logging.captureWarnings(True)
    sys.excepthook = lambda *error: _last_words(error)
    threading.excepthook = lambda ended: _last_words((ended.exc_type, ended.exc_value, ended.exc_traceback))


def _last_words(error: tuple[Any, Any, Any]) -> None:
    logging.getLogger("dailies").critical("ended by an error", exc_info=error)
