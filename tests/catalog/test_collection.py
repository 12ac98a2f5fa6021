"""What may go goes, what anybody needs stays, and a collection that is cut short is finished by the next."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import select, update

from catalog.claims import Claim
from catalog.collection import Judged
from catalog.deliveries import NewDelivery
from catalog.errors import StoreUnavailable
from catalog.executions import Used
from catalog.failpoints import reach
from catalog.publication import StagedFile
from catalog.retention import Rules
from catalog.tables import Artifact, Execution
from catalog.trace import trace
from tests.catalog.conftest import Workplace

ALL = Rules(0, 0, 0, leftovers=0)
"""Whatever nobody needs goes, however young."""


def pictures(plan: Mapping[str, Any]) -> Iterable[str]:
    return plan.get("pictures", ())


class Chain:
    """Shots made of a picture through a still and a master, as the stages do."""

    def __init__(self, place: Workplace, folder: Path) -> None:
        self.place, self.catalog, self.folder = place, place.catalog, folder

    def source(self, name: str) -> str:
        path = self.folder / f"{name}.png"
        path.write_bytes(f"picture {name}".encode())
        return self.catalog.ingest(path)

    def run(self, source: str, name: str) -> tuple[str, Claim]:
        run_id, shots = self.place.submit(name=name, plan={"pictures": [source]})
        (claim,) = self.catalog.claim(self.catalog.new_batch(run_id, shots), shots, "worker", 600.0)
        return run_id, claim

    def stage(self, name: str, kind: str, claim: Claim | None, *inputs: Used) -> str:
        """One stored stage; the digest of its file, whose bytes are its name."""
        done = self.catalog.find_done(name)
        if done is None or not done.whole:
            execution = self.place.begin(name, *inputs, claim=claim, stage=kind)
            path = self.catalog.store.stage_file(".bin")
            path.write_bytes(name.encode())
            done = self.catalog.publish(execution, [StagedFile(path, kind, kind)], ran={}, seconds=1, claim=claim)
        if claim is not None:
            self.catalog.link(claim.shot_id, "16x9", done.id, True)
        return done.outputs[0].sha256

    def deliver(self, name: str, claim: Claim, master: str, ask: str) -> tuple[str, str]:
        """A clip streamed from the master, with its poster; digests of both."""
        frames = self.place.begin(f"{name} frames", Used("frames", artifact=master), claim=claim, stage="interpolate")
        self.catalog.finish_streamed(frames, ran={}, seconds=1, claim=claim)
        execution = self.place.begin(name, Used("frames", producer=frames), claim=claim)
        files = []
        for role, kind in (("file", "delivery"), ("poster", "poster")):
            path = self.catalog.store.stage_file(".bin")
            path.write_bytes(f"{name} {role}".encode())
            files.append(StagedFile(path, role, kind))
        made = self.catalog.publish(execution, files, ran={}, seconds=1, claim=claim)
        file, poster = made.output("file").sha256, made.output("poster").sha256
        self.catalog.deliver(
            NewDelivery(
                claim,
                shot_id=claim.shot_id,
                rendition="16x9",
                preset="web",
                ask_sha256=ask,
                artifact=file,
                poster=poster,
                execution_id=made.id,
            )
        )
        return file, poster

    def shot(self, source: str, name: str, ask: str) -> tuple[str, Claim, dict[str, str]]:
        """A whole shot up to its delivery; its run goes on until `end`."""
        run_id, claim = self.run(source, name)
        still = self.stage(f"still of {source} {ask}", "still", claim, Used("source", artifact=source))
        master = self.stage(f"master of {source} {ask}", "master", claim, Used("still", artifact=still))
        file, poster = self.deliver(f"clip of {source} {ask}", claim, master, ask)
        files = {"source": source, "still": still, "master": master, "delivery": file, "poster": poster}
        return run_id, claim, files

    def end(self, run_id: str, claim: Claim) -> None:
        self.catalog.finish_shot(claim, "done")
        assert self.catalog.finish_run(run_id) == "done"

    def there(self, files: Mapping[str, str]) -> set[str]:
        return {name for name, sha256 in files.items() if self.catalog.has_file(sha256)}

    def state(self, sha256: str) -> str:
        with self.catalog.database.read() as connection:
            return str(connection.scalar(select(Artifact.state).where(Artifact.sha256 == sha256)))


@pytest.fixture
def chain(place: Workplace, tmp_path: Path) -> Chain:
    return Chain(place, tmp_path)


def went(judged: Iterable[Judged]) -> set[str]:
    return {one.artifact.sha256 for one in judged if one.verdict.go}


def test_only_what_saves_work_goes_once_a_run_has_ended(chain: Chain) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    assert went(chain.catalog.collect(ALL, pictures)) == set(), "its run has not ended"
    chain.end(run_id, claim)
    assert went(chain.catalog.survey(ALL, pictures)) == {files["still"], files["master"]}
    assert chain.there(files) == set(files), "a survey changes nothing"
    judged = list(chain.catalog.collect(ALL, pictures))
    assert went(judged) == {files["still"], files["master"]}
    assert sum(one.freed or 0 for one in judged) == sum(one.artifact.bytes for one in judged if one.verdict.go) > 0
    assert chain.there(files) == {"source", "delivery", "poster"}
    assert chain.state(files["master"]) == "collected" and chain.state(files["delivery"]) == "present"
    node = trace(chain.catalog, files["delivery"])
    assert files["source"] in str(node.as_dict()) and files["still"] in str(node.as_dict()), "it explains itself still"
    assert went(chain.catalog.collect(ALL, pictures)) == set()


def test_ages_runs_and_kinds_narrow_what_goes(chain: Chain) -> None:
    first, claim, files = chain.shot(chain.source("a"), "nightly", "one")
    chain.end(first, claim)
    second, claim, others = chain.shot(chain.source("b"), "weekly", "two")
    chain.end(second, claim)
    old = Rules(3600, 3600, 3600)
    assert went(chain.catalog.survey(old, pictures)) == set(), "an hour has not passed"
    assert went(chain.catalog.survey(Rules(None, None, None), pictures)) == set(), "for ever"
    assert went(chain.catalog.survey(Rules(0, 0, 0, run_id=first), pictures)) == {files["still"], files["master"]}
    of_kind = Rules(0, 0, 0, kinds=frozenset({"master"}))
    assert went(chain.catalog.survey(of_kind, pictures)) == {files["master"], others["master"]}


def test_a_picture_that_a_live_run_reads_keeps_all_that_was_made_of_it(chain: Chain) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)
    waiting, _ = chain.place.submit(name="weekly", plan={"pictures": [files["source"]]})
    assert went(chain.catalog.collect(ALL, pictures)) == set(), "the waiting shot has no link to them yet"
    chain.catalog.cancel_run(waiting, "ann")
    chain.catalog.finish_run(waiting)
    assert went(chain.catalog.collect(ALL, pictures)) == {files["still"], files["master"]}


def test_superseded_deliveries_go_by_age_and_then_their_picture(chain: Chain) -> None:
    run_id, claim, old = chain.shot(chain.source("a"), "nightly", "old")
    chain.end(run_id, claim)
    run_id, claim, new = chain.shot(chain.source("b"), "nightly", "new")
    chain.end(run_id, claim)
    assert went(chain.catalog.survey(Rules(None, 3600, 0), pictures)) == set(), "the successor is young"
    gone = went(chain.catalog.collect(Rules(None, 0, None), pictures))
    assert gone == {old["delivery"], old["poster"]}
    assert went(chain.catalog.collect(Rules(None, 0, 0), pictures)) == {old["source"]}
    assert chain.there(new) == set(new)
    assert files_traced(chain, old["delivery"]) >= {old["source"], old["still"], old["master"]}


def files_traced(chain: Chain, sha256: str) -> set[str]:
    told = str(trace(chain.catalog, sha256).as_dict())
    with chain.catalog.database.read() as connection:
        return {one for one in connection.scalars(select(Artifact.sha256)) if one in told}


def test_what_stages_and_publications_hold_stays(chain: Chain) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)
    reading = chain.place.begin("other", Used("frames", artifact=files["master"]))
    assert went(chain.catalog.survey(ALL, pictures)) == {files["still"]}
    with chain.catalog.database.write() as connection:
        journal = {"files": [{"sha256": files["still"], "temp": "t"}], "figures": []}
        held = update(Execution).where(Execution.id == reading)
        connection.execute(held.values(state="publishing", pending=journal))
    assert went(chain.catalog.collect(ALL, pictures)) == set()


def test_leftovers_of_results_that_do_not_stand_go(chain: Chain) -> None:
    place = chain.place
    slow, fast = place.begin("recipe"), place.begin("recipe")
    place.catalog.publish(fast, [StagedFile(_file(place, b"first"), "file", "master")], ran={}, seconds=1)
    place.catalog.publish(slow, [StagedFile(_file(place, b"second"), "file", "master")], ran={}, seconds=2)
    kept_for_ever = Rules(None, None, None, leftovers=0)
    (gone,) = went(place.catalog.collect(kept_for_ever, pictures))
    left = place.catalog.find_done("recipe")
    assert left is not None and left.whole and left.outputs[0].sha256 != gone


def _file(place: Workplace, content: bytes) -> Path:
    path = place.catalog.store.stage_file(".bin")
    path.write_bytes(content)
    return path


def test_files_nobody_vouches_for_go_after_a_day(chain: Chain) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)
    young, old = (chain.place.root / "ab" / "cd" / f"abcd{digit * 60}.mp4" for digit in "01")
    young.parent.mkdir(parents=True, exist_ok=True)
    scratch = chain.catalog.store.incoming / "tmp-of-a-dead-process"
    scratch.mkdir()
    (scratch / "half.png").write_bytes(b"half")
    for path in (young, old):
        path.write_bytes(b"alien")
    long_ago = time.time() - 100_000
    for path in (old, scratch):
        os.utime(path, (long_ago, long_ago))
    assert [stray.file.sha256 for stray in chain.catalog.strays()] == [old.stem]
    (removed,) = chain.catalog.remove_strays(pictures)
    assert removed.freed == 5 and young.exists() and not old.exists()
    assert chain.catalog.scratch() == 4 and scratch.exists()
    assert chain.catalog.scratch(remove=True) == 4 and not scratch.exists()
    assert chain.there(files) == set(files)


def test_what_is_journalled_is_no_scratch_however_old(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its publisher waits for a store that is full, or is dead: `recover` still finishes it."""
    execution, staged = chain.place.begin("recipe"), chain.place.stage(b"clip")
    with monkeypatch.context() as away:
        away.setattr(chain.catalog.store, "settle", Mock(side_effect=StoreUnavailable("full", code="DISK_FULL")))
        with pytest.raises(StoreUnavailable):
            chain.catalog.publish(execution, [staged], ran={}, seconds=1)
    long_ago = time.time() - 100_000
    os.utime(staged.path, (long_ago, long_ago))
    assert chain.catalog.scratch(remove=True) == 0 and staged.path.exists()
    chain.catalog.recover()
    assert chain.catalog.execution(execution).state == "done"


_COLLECT = """
import sys
from pathlib import Path
from catalog import Catalog
from catalog.retention import Rules
with Catalog.open(sys.argv[1], Path(sys.argv[2])) as catalog:
    print(sum(1 for one in catalog.collect(Rules(0, 0, 0), lambda plan: plan.get("pictures", ())) if one.verdict.go))
"""


@pytest.mark.parametrize("point", ["collect.marked", "collect.removed"])
def test_a_collection_killed_anywhere_is_finished_by_the_next(chain: Chain, point: str) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)
    died = subprocess.run(
        [sys.executable, "-c", _COLLECT, chain.place.url, str(chain.place.root)],
        env={**os.environ, "DAILIES_FAILPOINT": point},
        cwd=Path(__file__).parents[2],
        timeout=120,
        check=False,
    )
    assert died.returncode == -9
    assert chain.state(files["master"]) == "collected", "marked before it is removed, never the other way round"
    found = chain.catalog.find_done(f"master of {files['source']} ask")
    assert found is not None and not found.whole, "nobody reads a file that may go at any moment"
    left = {stray.file.sha256 for stray in chain.catalog.remove_strays(pictures)}
    assert left == ({files["still"], files["master"]} if point == "collect.marked" else set())
    assert chain.there(files) == {"source", "delivery", "poster"}


def test_a_publication_of_bytes_being_collected_makes_them_present_again(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)
    recipe = f"master of {files['source']} ask"

    def between(name: str) -> None:
        reach(name)
        if name == "collect.marked":
            assert chain.stage(recipe, "master", None, Used("still", artifact=files["still"])) == files["master"]

    monkeypatch.setattr("catalog.collection.reach", between)
    assert went(chain.catalog.collect(ALL, pictures)) == {files["still"], files["master"]}
    assert chain.state(files["master"]) == "present" and chain.there(files) >= {"master"}
    chain.catalog.verify(files["master"])


def test_a_run_submitted_while_its_files_are_collected_gets_them_back(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)

    def between(name: str) -> None:
        if name == "collect.marked":
            chain.place.submit(name="weekly", plan={"pictures": [files["source"]]})

    monkeypatch.setattr("catalog.collection.reach", between)
    list(chain.catalog.collect(ALL, pictures))
    assert chain.there(files) == set(files) and chain.state(files["master"]) == "present"


def test_a_source_collected_while_it_is_taken_in_is_brought_again(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = chain.source("a")
    with chain.catalog.database.write() as connection:
        connection.execute(update(Artifact).values(state="collected"))
    times = 0

    def between(name: str) -> None:
        nonlocal times
        if name == "ingest.settled" and not times:
            times += 1
            assert [stray.freed for stray in chain.catalog.remove_strays(pictures)] == [9]

    monkeypatch.setattr("catalog.artifacts.reach", between)
    assert chain.source("a") == sha256
    assert times == 1 and chain.state(sha256) == "present"
    chain.catalog.verify(sha256)


def test_a_collected_file_is_no_damage(chain: Chain) -> None:
    run_id, claim, files = chain.shot(chain.source("a"), "nightly", "ask")
    chain.end(run_id, claim)
    list(chain.catalog.collect(ALL, pictures))
    assert chain.catalog.mark_damaged(files["master"], "late") == []
    assert chain.state(files["master"]) == "collected"
