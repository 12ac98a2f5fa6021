"""Publication: made once, whole or not at all, found damaged, made again."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text, update

from catalog.artifacts import Figure
from catalog.errors import CatalogError, Damaged, NotFound, StaleClaim, StoreUnavailable
from catalog.executions import NewExecution, Used
from catalog.journal import Publication
from catalog.made import Made
from catalog.tables import Artifact
from tests.catalog.conftest import Workplace


def count(place: Workplace, what: str) -> int:
    with place.catalog.database.read() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {what}")).scalar() or 0


def files(place: Workplace) -> list[Path]:
    return [file for file in place.root.rglob("*") if file.is_file()]


def test_what_is_published_is_found_by_its_recipe(place: Workplace) -> None:
    assert place.catalog.find_done("recipe") is None
    execution = place.begin("recipe")
    assert place.catalog.find_done("recipe") is None  # running is not done
    made = place.catalog.publish(
        execution,
        [place.stage(b"clip"), place.stage(b"jpeg", "poster", ".jpg")],
        ran={"dtype": "fp16"},
        seconds=2.5,
        work=4,
        measurements=[Figure("psnr", 41.5, "dB", 40.0, True)],
    )
    found = place.catalog.find_done("recipe")
    assert found == made and found.whole and found.state == "done" and found.ran == {"dtype": "fp16"}
    assert found.output("file").sha256 == hashlib.sha256(b"clip").hexdigest()
    assert found.output("poster").path.read_bytes() == b"jpeg"
    assert count(place, "measurements WHERE name = 'psnr' AND passed") == 1
    with pytest.raises(NotFound, match="file, poster"):
        found.output("master")


def test_the_same_bytes_from_two_recipes_are_one_file(place: Workplace) -> None:
    first, second = place.make("a", b"same"), place.make("b", b"same")
    assert first.outputs[0].path == second.outputs[0].path
    assert len(files(place)) == 1 and count(place, "artifacts") == 1 and count(place, "executions") == 2


def test_the_loser_of_a_race_adopts_the_winner(place: Workplace) -> None:
    slow, fast = place.begin("recipe"), place.begin("recipe")
    winner = place.catalog.publish(fast, [place.stage(b"first")], ran={}, seconds=1)
    adopted = place.catalog.publish(slow, [place.stage(b"second")], ran={}, seconds=2)
    assert adopted == winner
    assert count(place, "executions WHERE state = 'done'") == 1
    assert count(place, f"executions WHERE id = '{slow}' AND state = 'void' AND adopted_id = '{fast}'") == 1


def test_many_racers_leave_one_result(place: Workplace) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: place.make("recipe", b"same"), range(16)))
    assert len({one.id for one in made}) == 1
    assert count(place, "executions WHERE state = 'done'") == 1 and len(files(place)) == 1


def test_streamed_executions_are_done_once_by_recipe(place: Workplace) -> None:
    still = place.make("still", b"still", stage="prepare")
    animate = place.begin("animate", Used("still", artifact=still.outputs[0].sha256), stage="animate")
    encode = place.begin("encode", Used("frames", producer=animate))  # its producer still runs
    done = place.catalog.finish_streamed(animate, ran={}, seconds=3)
    place.catalog.publish(encode, [place.stage(b"clip")], ran={}, seconds=1)
    made = place.catalog.execution(done)
    assert made.whole and made.outputs == () and place.catalog.find_done("animate") == made
    again = place.begin("animate", stage="animate")
    assert place.catalog.finish_streamed(again, ran={}, seconds=3) == done
    assert place.catalog.finish_streamed(again, ran={}, seconds=3) == done  # its answer may have been lost
    failed = place.begin("other", stage="animate")
    place.catalog.fail(failed, "ENGINE_FAILED", "exit status 1")
    with pytest.raises(CatalogError) as ended:
        place.catalog.finish_streamed(failed, ran={}, seconds=3)
    assert ended.value.code == "EXECUTION_ENDED"


def test_what_ended_together_becomes_visible_together_or_not_at_all(place: Workplace) -> None:
    """Two files of one pass, the stream they came from, and what is written of them: one transaction each way."""
    animate, wide, tall = (place.begin(name, stage=name) for name in ("animate", "wide", "tall"))
    staged = [Publication(one, [place.stage(one.encode())], {}, 1.0) for one in (wide, tall)]

    def broken(made: list[Made]) -> None:
        assert [one.id for one in made] == [wide, tall]
        place.catalog.audit("tester", "seen", wide)
        raise CatalogError("what is written of them cannot be")

    with pytest.raises(CatalogError, match="cannot be"):
        place.catalog.publish_all(
            staged, first=lambda: place.catalog.finish_streamed(animate, ran={}, seconds=1), then=broken
        )
    assert files(place) == [] and count(place, "artifacts") == count(place, "audit WHERE what = 'seen'") == 0
    assert place.catalog.execution(animate).state == "done", "its frames did stream"
    assert {place.catalog.execution(one).state for one in (wide, tall)} == {"failed"}


def test_a_lost_claim_costs_other_shots_nothing(place: Workplace) -> None:
    """Published together it is refused; then those of each shot alone."""
    mine, lost = place.claim(count=2)
    ids = [place.begin(claim.shot_id, claim=claim) for claim in (mine, lost)]
    place.catalog.release([lost])
    ended = [
        Publication(one, [place.stage(one.encode())], {}, 1.0, claim=claim)
        for one, claim in zip(ids, (mine, lost), strict=True)
    ]
    with pytest.raises(StaleClaim):
        place.catalog.publish_all(ended, withdraw=False)
    assert count(place, "artifacts") == 0
    assert place.catalog.execution(ids[0]).state == "running" and ended[0].files[0].path.exists()
    (made,) = place.catalog.publish_all(ended[:1])
    with pytest.raises(StaleClaim):
        place.catalog.publish_all(ended[1:])
    assert [path.read_bytes() for path in files(place)] == [ids[0].encode()] and made.whole
    assert not ended[1].files[0].path.exists(), "what was refused is gone"


def test_the_same_recipe_twice_at_once_is_done_once(place: Workplace) -> None:
    claims = place.claim(count=2)
    ids = [place.begin("recipe", claim=claim) for claim in claims]
    ended = [
        Publication(one, [place.stage(b"clip")], {}, 1.0, claim=claim) for one, claim in zip(ids, claims, strict=True)
    ]
    made = place.catalog.publish_all(ended)
    assert [one.id for one in made] == [ids[0], ids[0]]
    assert [place.catalog.execution(one).state for one in ids] == ["done", "void"]
    streams = [place.begin("stream", claim=claim) for claim in claims]
    ends = [Publication(one, (), {}, 1.0, claim=claim) for one, claim in zip(streams, claims, strict=True)]
    assert place.catalog.finish_all_streamed(ends) == [streams[0], streams[0]]
    assert place.catalog.finish_all_streamed(ends) == [streams[0], streams[0]]  # its answer may have been lost


def test_what_has_run_is_recorded_once(place: Workplace) -> None:
    clip = place.make("clip", b"clip").outputs[0].sha256
    facts: NewExecution = {
        "stage": "inspect",
        "version": 1,
        "recipe": {},
        "recipe_sha256": "inspect",
        "engine": "dailies",
        "engine_versions": {},
        "weights": {},
        "inputs": [Used("file", artifact=clip)],
        "device": "cpu",
        "worker": "host/cpu",
    }
    first, made = place.catalog.record(ran={"frames": 3}, seconds=0.1, **facts)
    assert made and place.catalog.execution(first).state == "done"
    assert place.catalog.record(ran={"frames": 3}, seconds=0.2, **facts) == (first, False)
    assert count(place, "executions WHERE stage = 'inspect' AND worker = 'host/cpu' AND ended_at IS NOT NULL") == 1
    assert count(place, f"execution_inputs WHERE execution_id = '{first}'") == 1


def test_a_flipped_byte_is_found_and_the_result_made_again(place: Workplace) -> None:
    made = place.make("recipe", b"clip")
    (output,) = made.outputs
    place.catalog.verify(output.sha256)
    output.path.chmod(0o644)
    output.path.write_bytes(b"clap")
    with pytest.raises(Damaged):
        place.catalog.verify(output.sha256)
    assert place.catalog.find_done("recipe") is None  # so the next run makes it
    assert place.catalog.execution(made.id).outputs[0].state == "damaged"
    again = place.make("recipe", b"clip")
    assert again.id != made.id and again.whole and output.path.read_bytes() == b"clip"


def test_collected_files_come_back_with_the_same_bytes_or_replace_the_row(place: Workplace) -> None:
    first = place.make("recipe", b"clip")
    collect(place, first.outputs[0].sha256)
    found = place.catalog.find_done("recipe")
    assert found is not None and not found.whole
    assert place.make("recipe", b"clip").id == first.id  # the same bytes: the first execution stands again
    collect(place, first.outputs[0].sha256)
    other = place.make("recipe", b"other bytes: another class of host")
    assert other.id != first.id and other.whole and place.catalog.find_done("recipe") == other


def collect(place: Workplace, sha256: str) -> None:
    place.catalog.store.path(sha256).unlink()
    with place.catalog.database.write() as connection:
        connection.execute(update(Artifact).where(Artifact.sha256 == sha256).values(state="collected"))


def test_a_missing_staged_file_publishes_nothing(place: Workplace) -> None:
    execution = place.begin("recipe")
    good, missing = place.stage(b"clip"), place.stage(b"", "poster")
    missing.path.unlink()
    with pytest.raises(NotFound):
        place.catalog.publish(execution, [good, missing], ran={}, seconds=1)
    assert files(place) == [] and count(place, "artifacts") == 0
    assert place.catalog.execution(execution).state == "failed"


def test_a_withdrawn_publication_leaves_what_others_made(place: Workplace) -> None:
    (claim,) = place.claim()
    shared = place.make("other", b"shared")
    execution = place.begin("recipe", claim=claim)
    place.catalog.release([claim])
    with pytest.raises(StaleClaim):
        place.catalog.publish(execution, [place.stage(b"shared")], ran={}, seconds=1, claim=claim)
    assert shared.outputs[0].path.read_bytes() == b"shared"


def test_a_publication_the_storage_interrupted_can_be_repeated(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution, staged = place.begin("recipe"), place.stage(b"clip")

    def away(*_: object) -> Path:
        raise StoreUnavailable("the mount is gone")

    with monkeypatch.context() as patch:
        patch.setattr(place.catalog.store, "settle", away)
        with pytest.raises(StoreUnavailable):
            place.catalog.publish(execution, [staged], ran={"rung": 1}, seconds=1)
    assert place.catalog.execution(execution).state == "publishing" and count(place, "artifacts") == 0
    made = place.catalog.publish(execution, [staged], ran={"rung": 1}, seconds=1)
    assert made.whole and made.id == execution and made.ran == {"rung": 1}


def test_a_source_is_stored_as_the_bytes_that_were_read(place: Workplace, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"photo")
    sha256 = place.catalog.ingest(picture, media={"width": 4})
    assert sha256 == hashlib.sha256(b"photo").hexdigest() == place.catalog.ingest(picture)
    picture.write_bytes(b"changed")
    assert place.catalog.store.path(sha256).read_bytes() == b"photo"
    assert place.catalog.ingest(picture) != sha256
    place.catalog.store.path(sha256).unlink()  # lost, and given again
    picture.write_bytes(b"photo")
    assert place.catalog.ingest(picture) == sha256 and place.catalog.store.path(sha256).read_bytes() == b"photo"


def test_a_failed_execution_keeps_its_evidence(place: Workplace) -> None:
    execution = place.begin("recipe")
    place.catalog.progress(execution, 0.5)
    place.catalog.fail(execution, "ENGINE_FAILED", "exit status 1", "stderr tail")
    assert count(place, "executions WHERE state = 'failed' AND evidence = 'stderr tail' AND progress = 0.5") == 1
    with pytest.raises(CatalogError, match="exit status 1"):
        place.catalog.publish(execution, [place.stage(b"late")], ran={}, seconds=1)
    assert files(place) == []


def test_numbers_that_are_not_json_are_refused_everywhere(place: Workplace) -> None:
    execution = place.begin("recipe")
    with pytest.raises(Exception, match="JSON"):
        place.catalog.publish(execution, [place.stage(b"clip")], ran={"psnr": float("nan")}, seconds=1)
    assert count(place, "artifacts") == 0


def test_a_claim_lost_while_the_files_are_renamed_makes_nothing_visible(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (claim,) = place.claim()
    execution, settle = place.begin("recipe", claim=claim), place.catalog.store.settle

    def slow(temp: Path, sha256: str) -> Path:
        final = settle(temp, sha256)
        place.catalog.release([claim])
        return final

    monkeypatch.setattr(place.catalog.store, "settle", slow)
    with pytest.raises(StaleClaim):
        place.catalog.publish(execution, [place.stage(b"clip")], ran={}, seconds=1, claim=claim)
    assert files(place) == [] and count(place, "artifacts") == 0 and place.catalog.find_done("recipe") is None
