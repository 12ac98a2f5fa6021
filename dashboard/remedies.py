"""What to do about what went wrong, by its stable code: the morning's first question."""

from __future__ import annotations

from typing import Final

_BY_CODE: Final = {
    "PICTURE_MISSING": "Put the picture where the manifest says, or mend the row; then submit it again.",
    "PICTURE_CHANGED": "The picture was replaced after planning. Submit the manifest again.",
    "BAD_IMAGE": "The picture is torn or cut off. Export it again, then submit the manifest again.",
    "UNSUPPORTED_IMAGE": "The file is no picture we read, or is torn. Export it again as PNG or JPEG.",
    "TOO_LARGE": "Use a smaller picture, or raise DAILIES_MAX_PIXELS.",
    "OUT_OF_MEMORY": "Nothing fits on this card. Retry on a larger one, or ask for a smaller size.",
    "DEVICE_LOST": "A card went away. Look at its machine (`dailies doctor`), then retry.",
    "ENGINE_FAILED": "Read the attempt's log on the shot's page; retry once, then report it.",
    "ENGINE_KILLED": "The engine was killed from outside, often for memory. Retry with fewer slots.",
    "ENGINE_MISSING": "Install the engine on a worker (`dailies doctor` says which), then retry.",
    "WEIGHTS_MISSING": "`dailies weights pull` fetches them; then retry.",
    "LICENCE_NOT_ACCEPTED": "`dailies weights accept` asks you once; then retry.",
    "SHOT_KILLS_WORKERS": "This shot ended its worker again and again. Look at its picture before retrying.",
    "WORKER_LOST": "A worker fell silent; its shots went to others. Nothing to do unless it stays away.",
    "WORKER_DRAINED": "Five shots in a row failed on it. Look at the machine, then `dailies worker drain NAME --undo`.",
    "RUN_PAUSED": "Mend what the pause names, then resume the run.",
    "DISK_FULL": "Free some space (`dailies gc`), then resume.",
    "STORE_UNAVAILABLE": "Mount or start the store again; work goes on by itself.",
    "DATABASE_AWAY": "Start the database again; work goes on by itself.",
    "OUT_FOLDER_AWAY": "Make the out folder writable, then resume the run.",
    "ARTIFACT_DAMAGED": "A stored file changed. Resume the run: it is made again.",
    "FIDELITY_DRIFT": "The model changed the product. Make another with the camera engine or less motion.",
    "INSPECTION_FAILED": "A finished file did not measure up. Look at its figures on the shot's page.",
    "ENCODE_FAILED": "ffmpeg refused; its last lines are in the attempt's log.",
    "QUARANTINED_BY_HAND": "A person set it aside; its message says why. Retry puts it back.",
    "SETTINGS_UNSOUND": "The row asks for things that do not go together. Mend it and submit again.",
    "BUDGET_SPENT": "The schedule's budget is spent. `dailies resume RUN` makes what is left whatever it takes.",
    "SCHEDULE_LATE": "A start came too late to be of use. `dailies schedule run-now NAME` starts it all the same.",
    "SCHEDULE_OVERLAP": "Its last run was not over. Nothing to do, unless that one hangs.",
    "SCHEDULE_CHANGED": "The manifest is another one than was applied. Remove the schedule and apply it again.",
    "SCHEDULE_NOT_APPLIED": "`dailies schedule apply MANIFEST` makes what the manifest says now hold.",
    "SCHEDULE_FAILED": "A start broke off before its run was there. Read the flow run's log, then start it again.",
    "FEED_UNREADABLE": "The schedule's manifest cannot be read. Mend it, then `dailies schedule run-now NAME`.",
    "FEED_EMPTY": "The feed has no rows. Mend it; if that is right, `dailies schedule run-now NAME --accept-fewer`.",
    "FEED_SHRUNK": "Too many rows are gone. Mend the feed; if that is right, start with `--accept-fewer`.",
    "CANCELLED": "Somebody stopped it. Resume goes on.",
}


def remedy_of(code: str | None) -> str:
    """One sentence; for a code that says enough itself, where to look."""
    return _BY_CODE.get(code or "", "Open one of the shots: its message says what was found and what was wanted.")
