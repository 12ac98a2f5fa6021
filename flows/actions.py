"""What people do from the dashboard, carried out: rows of the catalog at once, work in processes of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast, get_args

import yaml

from catalog.catalog import Catalog
from catalog.queries import approvals, deliveries_of, run, shot
from catalog.reviews import VerdictWord
from dashboard.errors import Refused
from flows import detached
from flows.request import Request
from flows.settings import Settings
from manifests.ask import Ask
from manifests.errors import InputError, ManifestError
from manifests.preset_names import CATALOGUED
from manifests.presets import CUT

_ANOTHER: Final = ("seed", "motion.move", "motion.amount", "seconds")
_SHOWN: Final = 5


class FlowActions:
    """`dashboard.actions.Actions` over an open catalog and this machine's settings."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog, self._settings = catalog, settings

    def submit(self, who: str, manifest: str) -> str:
        """Keep the text in the home's `submitted`, and run it; one that cannot be loaded is refused with its lines.

        One line that is the absolute path of a YAML file names a manifest of this machine.
        """
        if "\0" in manifest:
            raise Refused("YAML_BROKEN", "a manifest is text, and this has a NUL in it", "submit YAML", 422)
        path = Path(manifest.strip())
        if "\n" in manifest.strip() or not path.is_absolute() or path.suffix not in (".yaml", ".yml"):
            path = self._kept("manifest", manifest)
        return self._run(who, path, ())

    def resume(self, who: str, run_id: str) -> str:
        """Go on with it in a process of its own."""
        found = run(self._catalog, run_id)
        self._catalog.audit(who, "resume", found.id)
        detached.start(self._settings, "resume", found.id, who)
        return f"{found.name} goes on"

    def cancel(self, who: str, run_id: str) -> str:
        """Cancel it in the catalog, which whoever works it hears within seconds, and see it ended."""
        found = run(self._catalog, run_id)
        shots = self._catalog.cancel_run(found.id, who)
        detached.start(self._settings, "keep", found.id, who)
        return f"{found.name} stops: {_counted(shots)} that waited will not be made, those in work end within seconds"

    def retry(self, who: str, shot_ids: Sequence[str]) -> str:
        """Put them back, and keep their runs."""
        runs = self._catalog.retry_shots(shot_ids, who)
        for run_id in runs:
            detached.start(self._settings, "keep", run_id, who)
        return f"{_counted(len(shot_ids))} tried again"

    def quarantine(self, who: str, shot_ids: Sequence[str], why: str) -> str:
        """Set them aside."""
        return f"{_counted(self._catalog.set_aside(shot_ids, who, why))} set aside"

    def make_another(self, who: str, shot_id: str, changes: Mapping[str, str]) -> str:
        """Run a manifest of one row: the shot's own words, and the changes over them."""
        found = shot(self._catalog, shot_id)
        if not found.ask.get("source"):
            raise Refused("NEVER_ASKED", f"shot '{shot_id}' was refused as it was read", "mend its manifest instead")
        made_from = run(self._catalog, found.run_id)
        asked = _own_words(found.ask)
        words = [f"{name}={value}" for name, value in changes.items() if name in _ANOTHER]
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join([found.key, *(word.rpartition(".")[2] for word in words)]))
        row: dict[str, Any] = {"id": slug.strip("-")[:120], **asked}
        text: dict[str, Any] = {
            "version": 1,
            "name": made_from.name,
            "kind": made_from.kind,
            "out": {"folder": made_from.out_folder},
            "roots": _folders(row),
            "rows": [row],
        }
        path = self._kept("another", yaml.safe_dump(text, sort_keys=False, allow_unicode=True))
        return self._run(who, path, words)

    def review(self, who: str, verdict: str, delivery_ids: Sequence[str], note: str) -> str:
        """Write it down; the same of many at once."""
        if verdict not in get_args(VerdictWord):
            raise Refused("BAD_VERDICT", f"'{verdict}' is no verdict", f"say {', '.join(get_args(VerdictWord))}")
        word = cast(VerdictWord, verdict)
        covered = self._catalog.review(who, word, deliveries=delivery_ids, note=note)
        return f"{_counted(len(covered))} {'to be done again' if verdict == 'redo' else verdict}"

    def reopen(self, who: str, delivery_ids: Sequence[str], note: str) -> str:
        """Take back what was said."""
        covered = self._catalog.reopen_review(who, deliveries=delivery_ids, note=note)
        return f"{_counted(len(covered))} to be reviewed again"

    def send(self, who: str, run_id: str) -> str:
        """Fill `approved` in its out folder."""
        found = run(self._catalog, run_id)
        served = [row.delivery for row in deliveries_of(self._catalog, run_id=found.id)]
        ready = approvals(self._catalog, [one.id for one in served if one.state == "current"])
        if not ready:
            raise Refused("NOTHING_APPROVED", f"nothing of {found.name} is approved", "review it first", 409)
        folder = str(Path(found.out_folder) / "approved")
        self._catalog.audit(who, "export approved", found.id, {"deliveries": len(ready), "folder": folder})
        detached.start(self._settings, "send", found.id, who, (folder,))
        return f"{len(ready)} approved {'delivery goes' if len(ready) == 1 else 'deliveries go'} to {folder}"

    def _run(self, who: str, path: Path, overrides: Sequence[str]) -> str:
        with _told():
            manifest = Request(path, tuple(overrides)).load()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._catalog.audit(who, "ask", str(path), {"sha256": digest, "overrides": list(overrides)})
        detached.start(self._settings, "run", str(path), who, overrides)
        return f"{manifest.name} is being planned, {_counted(len(manifest.shots))}; it appears under Today"

    def _kept(self, kind: str, text: str) -> Path:
        folder = self._settings.home / "submitted"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
        path.write_text(text, encoding="utf-8")
        return path


@contextmanager
def _told() -> Any:
    """A manifest's problems, as the dashboard tells them."""
    try:
        yield
    except ManifestError as error:
        first = "; ".join(str(one) for one in error.problems[:_SHOWN])
        code = error.problems[0].code if error.problems else "NO_MANIFEST"
        raise Refused(code, first, "mend the manifest and submit it again", 422) from error
    except InputError as error:
        raise Refused(error.code, error.problem.message, error.problem.remedy, 422) from error


def _own_words(ask: Mapping[str, Any]) -> dict[str, Any]:
    """A shot's ask as a row that stands alone: complete, for what is left out would be its kind's default; in no scene,
    and delivered in nothing that only a scene is cut from."""
    asked = Ask.model_validate(ask, context=CATALOGUED).model_dump(mode="json", exclude_none=True)
    asked["deliver"] = list(dict.fromkeys(name.removesuffix(CUT) for name in asked["deliver"]))
    return {name: value for name, value in asked.items() if name not in ("variants", "scene", "transition")}


def _folders(row: Mapping[str, Any]) -> list[str]:
    """Where the files of a row lie: it may read there, as the manifest it came from did."""
    source, sound = row["source"], row.get("sound", {})
    ending = until if isinstance(until := row.get("svd", {}).get("until"), Mapping) else {}
    files = [*(one.get(name) for one in (source, ending) for name in ("path", "mask")), sound.get("path")]
    return sorted({str(Path(file).parent) for file in files if file})


def _counted(shots: int) -> str:
    return f"{shots} shot" if shots == 1 else f"{shots} shots"
