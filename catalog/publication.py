"""Publication: how a file and the row that vouches for it become visible together, or not at all.

The order (each arrow is a place to die, `catalog/failpoints.py`): the staged file is validated by its stage -> flushed
and hashed -> the execution is journalled as `publishing` with its digests -> renamed -> the folder flushed -> marked
`done` with its artifacts `present` in one transaction, if the fencing token still holds. `recover` finishes or
removes what is found journalled. In a bucket an upload that is read back takes the place of the rename.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select, true, update

from catalog.artifacts import ArtifactLedger, Figure
from catalog.claims import Claim, check_claims
from catalog.deaths import forget_deaths
from catalog.dialect import clock, one_publisher
from catalog.errors import CatalogError, Damaged, NotFound, StaleClaim, StoreUnavailable
from catalog.executions import ExecutionLedger
from catalog.failpoints import reach
from catalog.journal import Journal, Line, Publication, StagedFile, vouch_for
from catalog.made import Made, load_executions
from catalog.standing import UPDATE_ONE, stand, standings
from catalog.statements import execute_alike
from catalog.store import hash_file, location_of
from catalog.store.faults import storage
from catalog.tables import Artifact, Execution, Shot


class PublicationLedger(ExecutionLedger, ArtifactLedger):
    """Ending executions so that their results become visible."""

    def publish(
        self,
        execution_id: str,
        files: Sequence[StagedFile],
        *,
        ran: Mapping[str, Any],
        seconds: float,
        work: float | None = None,
        gpu_seconds: float | None = None,
        peak_vram_bytes: int | None = None,
        claim: Claim | None = None,
        measurements: Sequence[Figure] = (),
    ) -> Made:
        """End an execution with its files; returns it, or the winner if another with the same recipe was done first.

        `measurements` are of the first file. Raises StaleClaim (nothing became visible, the staged files are gone),
        NotFound (a staged file is missing), StoreUnavailable (repeat the same call; `recover` finishes it too).
        """
        one = Publication(execution_id, files, ran, seconds, work, gpu_seconds, peak_vram_bytes, measurements, claim)
        return self.publish_all([one])[0]

    def publish_all(
        self,
        publications: Sequence[Publication],
        *,
        first: Callable[[], object] = lambda: None,
        then: Callable[[list[Made]], object] = lambda made: None,
        withdraw: bool = True,
    ) -> list[Made]:
        """`publish` several executions that ended together: all of them become visible at once, or none.

        What `first` writes is written with the journal, and what `then` writes of what now stands becomes visible with
        the files: each in one transaction. Raises as `publish` does, and what those two raise. Without `withdraw` they
        stay as they were then, for one must not cost the others their files: publish each alone.
        """
        for one in publications:
            roles = [file.role for file in one.files]
            if not roles or len(set(roles)) != len(roles):
                raise CatalogError(
                    f"execution '{one.execution_id}': wanted one or more files with distinct roles, got {roles}"
                )
        claims = {one.claim for one in publications}
        try:
            return self._finish(self._journalled(publications, claims, first), claims, then)
        except StoreUnavailable:
            raise
        except CatalogError as error:
            for one in publications if withdraw else ():
                self._withdraw(one.execution_id, error.code, str(error))
                for file in one.files:
                    self.store.discard(file.path)
            raise

    def finish_streamed(
        self,
        execution_id: str,
        *,
        ran: Mapping[str, Any],
        seconds: float,
        work: float | None = None,
        gpu_seconds: float | None = None,
        peak_vram_bytes: int | None = None,
        claim: Claim | None = None,
    ) -> str:
        """End an execution whose frames streamed on and left no file: its identity is its recipe hash.

        Returns who stands: itself, or the execution with this recipe that was done first. Raises StaleClaim,
        StoreUnavailable (repeat the same call).
        """
        return self.finish_all_streamed(
            [Publication(execution_id, (), ran, seconds, work, gpu_seconds, peak_vram_bytes, claim=claim)]
        )[0]

    def finish_all_streamed(self, ended: Sequence[Publication]) -> list[str]:
        """`finish_streamed` for several, all at once."""
        with self.database.write() as connection:
            one_publisher(connection)
            check_claims(connection, [one.claim for one in ended])
            stands = stand(connection, self.store, {one.execution_id: one.figures for one in ended}, lambda _: None)
        return [stands[one.execution_id] for one in ended]

    def recover(self, leftovers_after_seconds: float = 86_400.0) -> list[str]:
        """Finish publications whose files are all there, withdraw those nobody can finish; returns both.

        Safe beside living publishers, here and on other machines: what it finishes for them they would have done next,
        and what it does not find may lie on a disk it cannot see, so while their claim holds it is theirs. Temporary
        files nobody has written to for `leftovers_after_seconds` are removed.
        """
        with self.database.read() as connection:
            query = (
                select(Execution.id, Execution.pending).where(Execution.state == "publishing").order_by(Execution.id)
            )
            found = {execution: Journal.read(pending) for execution, pending in connection.execute(query)}
        ended: list[str] = []
        for execution_id, journal in found.items():
            try:
                for line in journal.files:
                    self._check_staged(line)
                self._finish({execution_id: journal}, {None})
                ended.append(execution_id)
            except (NotFound, Damaged) as error:
                why = f"its process died and its files are gone: {error}"
                if self._withdraw(execution_id, "PUBLICATION_LOST", why, self._abandoned(leftovers_after_seconds)):
                    ended.append(execution_id)
            except CatalogError as error:
                if error.code != "EXECUTION_ENDED":  # its living publisher ended it meanwhile
                    raise
        journalled = {line.temp for journal in found.values() for line in journal.files}
        for temp in self.store.leftovers(leftovers_after_seconds):
            if temp.name not in journalled:
                self.store.discard(temp)
        return ended

    def _abandoned(self, silent_seconds: float) -> ColumnElement[bool]:
        """Executions that no process will end: their claim is no longer the last one of their shot.

        A lease that ran out is not enough: its holder may sleep, and the token is the truth. One made without a claim
        is given up when it has been silent, where it may have been staged on a disk that others do not see.
        """
        claim = (Shot.id == Execution.shot_id) & (Shot.lease_token == Execution.lease_token)
        held = select(Shot.id).where(claim, Shot.state == "claimed").exists()
        unclaimed = Execution.shot_id.is_(None)
        return ~held if self.store.shared else ~held & (~unclaimed | (Execution.touched_at < clock(-silent_seconds)))

    def _journalled(
        self, publications: Sequence[Publication], claims: Collection[Claim | None], first: Callable[[], object]
    ) -> Mapping[str, Journal]:
        """The journals of an earlier call of this one, or new ones; `recover` may take the files up at any moment."""
        if (earlier := self._earlier(publications)) is not None:
            return earlier
        try:
            return self._journal(publications, claims, first)
        except (CatalogError, FileNotFoundError) as error:
            if isinstance(error, StaleClaim | StoreUnavailable) or (earlier := self._earlier(publications)) is None:
                raise
            return earlier

    def _earlier(self, publications: Sequence[Publication]) -> dict[str, Journal] | None:
        """The journals of an earlier call whose files may be settled already; empty if only its answer was lost."""
        with storage("look for staged files"):
            if all(file.path.exists() for one in publications for file in one.files):
                return None
        ids = [one.execution_id for one in publications]
        with self.database.read() as connection:
            query = select(Execution.id, Execution.pending).where(Execution.id.in_(ids), Execution.state != "running")
            pending = dict(connection.execute(query).all())
        if len(pending) < len(ids):
            return None
        return {one: Journal.read(pending[one]) for one in ids}

    def _journal(
        self, publications: Sequence[Publication], claims: Collection[Claim | None], first: Callable[[], object]
    ) -> dict[str, Journal]:
        """Make the files durable, hash them, and write down what is about to happen to them."""
        journals = {
            one.execution_id: Journal([self._weigh(file) for file in one.files], list(one.measurements))
            for one in publications
        }
        reach("publish.hashed")
        with self.database.write() as connection:
            one_publisher(connection)
            check_claims(connection, claims)
            first()
            for execution_id, found in standings(connection, list(journals)).items():
                if found.ended_as is not None:
                    raise CatalogError(f"execution '{execution_id}' is done already", code="EXECUTION_ENDED")
            rows = [
                {"execution": one.execution_id, "state": "publishing", "pending": asdict(journals[one.execution_id])}
                | one.figures
                for one in publications
            ]
            execute_alike(connection, UPDATE_ONE, rows)
        reach("publish.journalled")
        return journals

    def _weigh(self, file: StagedFile) -> Line:
        self.store.flush(file.path)
        with storage(f"read '{file.path}'"):
            sha256, size = hash_file(file.path), file.path.stat().st_size
        return Line(file.path.name, file.role, file.kind, sha256, size, dict(file.media))

    def _staged(self, line: Line) -> Path:
        # By name: the machine that staged it may have mounted the store elsewhere.
        return self.store.incoming / line.temp

    def _check_staged(self, line: Line) -> None:
        """A machine that lost power may have kept a name and lost bytes: believe the hash, not the name."""
        temp = self._staged(line)
        try:
            with storage(f"read '{temp}'"):
                found = hash_file(temp)
        except FileNotFoundError:
            return  # settled already, or staged on another machine: `_settle` verifies what it became
        if found != line.sha256:
            raise Damaged(f"staged file '{temp.name}' hashes to {found[:12]}, wanted {line.sha256[:12]}", line.sha256)

    def _finish(
        self,
        journals: Mapping[str, Journal],
        claims: Collection[Claim | None],
        then: Callable[[list[Made]], object] = lambda made: None,
    ) -> list[Made]:
        """Rename what is journalled and mark it done: the second half of `publish`, and all of `recover`."""
        locations: dict[str, str] = {}
        for journal in journals.values():
            for line in journal.files:
                locations[line.sha256] = self._settle(line)
                reach("publish.renamed")
        reach("publish.settled")
        with self.database.write() as connection:
            one_publisher(connection)
            died = check_claims(connection, claims) > 0 or None in claims
            stands = stand(
                connection,
                self.store,
                {one: {} for one in journals},
                lambda ids: vouch_for(connection, {one: journals[one] for one in ids}, locations),
            )
            if died:
                for one in journals:
                    forget_deaths(connection, one)
            found = {made.id: made for made in load_executions(connection, list(stands.values()), self.store)}
            made = [found[stands[one]] for one in journals]
            then(made)
            reach("publish.marking")
        reach("publish.done")
        return made

    def _settle(self, line: Line) -> str:
        try:
            return self.store.settle(self._staged(line), line.sha256)
        except FileNotFoundError:  # settled before: by the publisher that died, or by `recover` while this one slept
            self.store.verify(line.sha256)
            return self.store.find(line.sha256) or location_of(line.sha256, Path(line.temp).suffix)

    def _withdraw(self, execution_id: str, code: str, why: str, where: ColumnElement[bool] | None = None) -> bool:
        """Take back a publication: the row says why, and files that no row vouches for are removed.

        Only if it has not ended and `where` holds for it; whether that was so.
        """
        with self.database.write() as connection:
            one_publisher(connection)
            running = Execution.state.in_(("running", "publishing"))
            row = connection.execute(
                select(Execution.pending).where(
                    Execution.id == execution_id, running, true() if where is None else where
                )
            ).one_or_none()
            if row is None:
                return False
            ended = {"state": "failed", "error_code": code, "error_message": why, "pending": None, "ended_at": clock()}
            connection.execute(update(Execution).where(Execution.id == execution_id).values(ended))
            others = connection.scalars(select(Execution.pending).where(Execution.state == "publishing")).all()
            expected = {line.sha256 for other in others if other for line in Journal.read(other).files}
            for line in Journal.read(row.pending).files if row.pending else ():
                self.store.discard(self._staged(line))
                vouched = connection.scalar(select(Artifact.sha256).where(Artifact.sha256 == line.sha256))
                if vouched is None and line.sha256 not in expected and self.has_file(line.sha256):
                    self.store.remove(line.sha256)
        return True
