"""A believable catalog, row by row, from nothing but a seed: nights of runs of a studio over two months.

Rows are tuples in the order of `COLUMNS`; moments are text, which both databases read, and JSON is text too.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

COLUMNS = {
    "runs": "id name kind state manifest_sha256 manifest triggered_by out_folder priority created_at "
    "started_at ended_at paused_code paused_why",
    "workers": "id host pid pool device engines weights code_version name started_at heartbeat_at ended_at",
    "batches": "id run_id worker_id state pool queue created_at started_at ended_at",
    "artifacts": "sha256 kind state bytes location media created_at",
    "shots": "id run_id position key item variant ask plan meta state attempts deaths lease_token error_code "
    "error_message lease_expires_at created_at ended_at",
    "shot_tags": "shot_id tag",
    "renditions": "shot_id name width height rate frames",
    "batch_shots": "batch_id shot_id",
    "executions": "id stage version state recipe_sha256 recipe engine engine_versions weights ran host device worker "
    "shot_id lease_token progress seconds gpu_seconds error_code error_message started_at touched_at ended_at",
    "execution_inputs": "execution_id position role artifact_sha256 producer_id",
    "execution_outputs": "execution_id role artifact_sha256",
    "shot_executions": "shot_id execution_id rendition made",
    "deliveries": "id shot_id manifest kind shot_key rendition preset state ask_sha256 artifact_sha256 poster_sha256 "
    "execution_id recipe_sha256 created_at",
    "shot_deliveries": "shot_id delivery_id made placed_path",
    "measurements": "id artifact_sha256 execution_id name value unit threshold passed measured_at",
    "reviews": "id delivery_id verdict note reviewer reviewed_at",
    "incidents": "id at run_id shot_id worker code message",
    "audit": "id at who what subject detail",
}
"""Every table that is filled, those before that others refer to."""

ERRORS = (
    ("ENGINE_FAILED", "the sampler made frames of one colour"),
    ("PICTURE_SMALL", "image is 300x80, the shot wants at least 512 px on the short side; use a larger picture"),
    ("OUT_OF_MEMORY", "24 GiB are not enough for rung 3"),
    ("PICTURE_MISSING", "there is no file 'photos/lost.jpg'"),
    ("ENCODER_FAILED", "ffmpeg ended with 187"),
    ("QUALITY_FROZEN", "the clip stands still for 2.4 s"),
)
PRESETS = ("web_1080p", "instagram_reel", "meta_feed_square", "youtube_1080p", "amazon_main")
TAGS = ("summer", "winter", "sale", "new", "kitchen", "garden", "shoes", "perfume", "gift", "draft")
NOUNS = {
    "en": "Mug Teapot Sneaker Perfume Lamp Chair Basket Candle Watch Blanket".split(),  # noqa: SIM905
    "de": "Becher Teekanne Straßenschuh Duft Lampe Stuhl Körbchen Kerze Uhr Decke".split(),  # noqa: SIM905
    "fr": "Tasse Théière Chaussure Crème Lumière Fauteuil Panier Bougie Montre Écharpe".split(),  # noqa: SIM905
    "ru": "Кружка Чайник Ботинок Духи Лампа Стул Корзина Свеча Часы Плед".split(),  # noqa: SIM905
    "ja": "マグ 急須 靴 香水 ランプ 椅子 籠 蝋燭 時計 毛布".split(),  # noqa: SIM905
    "el": "Κούπα Τσαγιέρα Παπούτσι Άρωμα Λάμπα Καρέκλα Καλάθι Κερί Ρολόι Κουβέρτα".split(),  # noqa: SIM905
}
ADJECTIVES = "morning blue hand-made Nordic vintage silent golden tiny crème matte".split()  # noqa: SIM905
BRANDS = "Morning Ørsted Kerame Zarja 山田 Élan Aster Linden".split()  # noqa: SIM905
SVD = {"svd_xt.safetensors": hashlib.sha256(b"svd").hexdigest()}
ESRGAN = {"x4plus.bin": hashlib.sha256(b"esrgan").hexdigest()}
RIFE = {"rife-v4.6.bin": hashlib.sha256(b"rife").hexdigest()}
NIGHTS = 60

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def text(at: datetime | None) -> str | None:
    return at and f"{at:%Y-%m-%d %H:%M:%S.%f}"


class Studio:
    """Makes a catalog's rows, one run at a time. `artifacts` is about how many there will be."""

    def __init__(self, artifacts: int, shots: int, runs: int, now: datetime | None = None) -> None:
        self.random = random.Random(7)
        self.now = (now or datetime.now(UTC)).replace(microsecond=0)
        self.sizes = self._sizes(shots, runs)
        # A shot has a still, and a master and a mezzanine where it is an SVD's (30 in 100); a clip has a poster.
        self.presets = max(0.5, (artifacts / shots - 1.6) / 1.85)
        self.numbers = dict.fromkeys(("measurements", "reviews", "incidents", "audit", "executions", "deliveries"), 0)

    def _sizes(self, shots: int, runs: int) -> list[int]:
        """Most runs are small, a few are of thousands; the last one, which is under way, is one of those."""
        weights = [self.random.lognormvariate(0, 1.0) for _ in range(runs)]
        weights[-1] = max(weights) / 2
        sizes = [max(1, int(shots * weight / sum(weights))) for weight in weights]
        sizes[-1] += max(0, shots - sum(sizes))
        return sizes

    def chunks(self) -> Iterator[Tables]:
        """All rows, a run at a time."""
        yield self._workers()
        for number, size in enumerate(self.sizes):
            yield self._run(number, size)

    def _workers(self) -> Tables:
        rows = [
            (
                f"w261101-000000-{n:05d}",
                f"host{n % 5}",
                100 + n,
                "gpu" if n % 3 == 0 else "cpu",
                "cpu",
                "{}",
                "{}",
                "0.1",
                f"host{n % 5}-{n}",
                text(self.now - timedelta(days=n)),
                text(self.now - timedelta(seconds=10 if n < 12 else 86_400 * n)),
                None if n < 12 else text(self.now - timedelta(days=n)),
            )
            for n in range(24)
        ]
        return {"workers": rows}

    def _run(self, number: int, size: int) -> Tables:
        tables: Tables = {name: [] for name in COLUMNS}
        last = len(self.sizes) - 1
        at = self.now - timedelta(days=NIGHTS * (1 - number / max(1, last)), hours=self.random.random() * 2)
        state = "running" if number in (last, last - 3) else "failed" if number % 4 == 1 else "done"
        if number == last:
            at = self.now - timedelta(hours=2)
        paused = number == last - 3
        ended = None if state == "running" else at + timedelta(seconds=60 + size * 3)
        run = f"r{at:%y%m%d-%H%M%S}-{number:07d}"
        name = ("nightly", "pottery", "shoes", "perfume", "gifts", "storyboard")[number % 6]
        kind = "storyboard" if name == "storyboard" else "product"
        tables["runs"].append(
            (
                run,
                name,
                kind,
                state,
                digest(run),
                '{"items": []}',
                "schedule",
                "/out",
                "normal",
                text(at),
                text(at),
                text(ended),
                "DISK_FULL" if paused else None,
                "the store is full" if paused else None,
            )
        )
        batches = [f"b{run[1:]}{n:03d}" for n in range(size // 60 + 1)]
        for n, batch in enumerate(batches):
            over = state != "running" or n < len(batches) // 2
            how = "done" if over else "running" if n == len(batches) // 2 else "planned"
            stamp = text(ended or at) if over else None
            row = (batch, run, f"w261101-000000-{n % 24:05d}", how, "cpu", "normal", text(at), text(at), stamp)
            tables["batches"].append(row)
        for position in range(1, size + 1):
            self._shot(tables, run, name, kind, at, position, size, state, batches)
        numbered = self.numbers["audit"] = self.numbers["audit"] + 1
        tables["audit"].append((numbered, text(at), "schedule", "submit", run, json.dumps({"shots": size})))
        return tables

    def _shot(
        self,
        tables: Tables,
        run: str,
        name: str,
        kind: str,
        at: datetime,
        position: int,
        size: int,
        run_state: str,
        batches: list[str],
    ) -> None:
        draw = self.random
        shot, number = f"{run}.{position:05d}", draw.randrange(100_000)
        item = f"SKU-{int(run[-7:]):03d}{position:05d}"
        state = "done" if draw.random() < 0.95 else draw.choice(("failed", "failed", "quarantined"))
        if run_state == "running" and position > size // 2:
            state = "claimed" if position < size // 2 + 60 else "waiting"
        ended = at + timedelta(seconds=position * 3) if state in ("done", "failed") else None
        if ended is not None and ended > self.now:
            ended = self.now - timedelta(seconds=draw.randrange(1, 3600))
        code, message = draw.choice(ERRORS[: 3 + position % 4]) if state in ("failed", "quarantined") else (None, None)
        svd = draw.random() < 0.3
        language = draw.choice(tuple(NOUNS))
        title = f"{draw.choice(ADJECTIVES)} {draw.choice(NOUNS[language])} {number % 500}"
        meta = {"title": title, "meta.brand": draw.choice(BRANDS), "meta.season": f"20{20 + number % 7}"}
        stills = [{"animate": {"engine": "svd" if svd else "camera", "width": 1920, "height": 1080, "why": "x" * 600}}]
        tables["shots"].append(
            (
                shot,
                run,
                position,
                item,
                item,
                "",
                json.dumps({"title": title, "seconds": 4.0}),
                json.dumps({"renditions": stills, "picture": {"path": f"/photos/{item}.jpg"}}),
                json.dumps(meta),
                state,
                0 if state == "waiting" else 1,
                0,
                1,
                code,
                message,
                text(self.now + timedelta(minutes=5)) if state == "claimed" else None,
                text(at),
                text(ended),
            )
        )
        tags = draw.sample(TAGS, draw.choice((0, 1, 1, 2)))
        tables["shot_tags"] += [(shot, tag) for tag in tags]
        tables["renditions"].append((shot, "16x9", 1920, 1080, "30", 120))
        tables["batch_shots"].append((batches[(position - 1) // 60 % len(batches)], shot))
        if state == "done" or (state == "failed" and draw.random() < 0.7):
            self._work(tables, shot, name, kind, item, ended or at, svd, code if state == "failed" else None)

    def _work(
        self, tables: Tables, shot: str, name: str, kind: str, item: str, end: datetime, svd: bool, error: str | None
    ) -> None:
        draw = self.random
        begin = end - timedelta(seconds=60 if svd else 12)
        source = digest("source", item)
        if draw.random() < 0.1:
            self._file(tables, source, "source", begin, ".jpg", 2_400_000)
        still = digest("still", shot)
        made = draw.random() < 0.85
        before = self._execution(tables, shot, "prepare", "dailies", {}, begin, draw.uniform(0.4, 2.0), made=made)
        self._made(tables, before, [("header", still, "still", ".png", 3_100_000)], begin)
        stages: list[tuple[str, str, dict[str, str], float]] = [("animate", "svd" if svd else "camera", {}, 1.0)]
        if svd:
            stages = [
                ("animate", "svd", SVD, 14.0),
                ("upscale", "realesrgan", ESRGAN, 6.0),
                ("interpolate", "rife", RIFE, 3),
            ]
        for stage, engine, weights, typical in stages:
            seconds = typical * draw.lognormvariate(0, 0.4)
            broken = error if stage == "animate" else None
            after = self._execution(tables, shot, stage, engine, weights, begin, seconds, error=broken)
            tables["execution_inputs"].append((after, 0, "frames", None, before))
            before = after
            if broken:
                return
            if stage in ("animate", "upscale") and svd:
                role = "master" if stage == "animate" else "mezzanine"
                self._made(tables, after, [(role, digest(role, shot), role, ".mkv", 40_000_000)], end)
        presets = draw.sample(PRESETS, min(5, int(self.presets) + (draw.random() < self.presets % 1)))
        for preset in presets:
            self._delivery(tables, shot, name, kind, item, end, preset, before)

    def _delivery(
        self, tables: Tables, shot: str, name: str, kind: str, item: str, end: datetime, preset: str, before: str
    ) -> None:
        draw = self.random
        clip, poster = digest("clip", shot, preset), digest("poster", shot, preset)
        encode = self._execution(tables, shot, "encode", "ffmpeg", {}, end, draw.lognormvariate(1.0, 0.5))
        tables["execution_inputs"].append((encode, 0, "frames", None, before))
        self._made(
            tables,
            encode,
            [("file", clip, "delivery", ".mp4", 9_000_000), ("poster", poster, "poster", ".jpg", 90_000)],
            end,
        )
        inspect = self._execution(tables, shot, "inspect", "dailies", {}, end, draw.uniform(0.2, 0.9))
        for figure, threshold, unit in (
            ("flicker_levels", 6.0, "levels"),
            ("frozen_end_seconds", 1.0, "s"),
            ("seconds_min", 3.0, "s"),
        ):
            value = draw.lognormvariate(-1.2, 0.5) * threshold if figure != "seconds_min" else 4.0
            passed = value <= threshold if figure != "seconds_min" else True
            number = self.numbers["measurements"] = self.numbers["measurements"] + 1
            row = (number, clip, inspect, figure, value, unit, threshold, passed, text(end))
            tables["measurements"].append(row)
        number = self.numbers["deliveries"] = self.numbers["deliveries"] + 1
        delivery = f"d{end:%y%m%d-%H%M%S}-{number:08d}"
        tables["deliveries"].append(
            (
                delivery,
                shot,
                name,
                kind,
                item,
                "16x9",
                preset,
                "current",
                digest("ask", shot, preset),
                clip,
                poster,
                encode,
                digest("recipe", encode),
                text(end),
            )
        )
        tables["shot_deliveries"].append((shot, delivery, True, f"/out/{item}_{preset}.mp4"))
        if draw.random() < 0.6 and end < self.now - timedelta(days=3):
            said = draw.choice(("approved",) * 8 + ("rejected", "redo"))
            number = self.numbers["reviews"] = self.numbers["reviews"] + 1
            tables["reviews"].append(
                (number, delivery, said, "" if said == "approved" else "too dark", "ann", text(end))
            )

    def _execution(
        self,
        tables: Tables,
        shot: str,
        stage: str,
        engine: str,
        weights: dict[str, str],
        begin: datetime,
        seconds: float,
        *,
        error: str | None = None,
        made: bool = True,
    ) -> str:
        number = self.numbers["executions"] = self.numbers["executions"] + 1
        name, end = f"x{begin:%y%m%d-%H%M%S}-{number:08d}", begin + timedelta(seconds=seconds)
        gpu = seconds * 0.9 if weights and error is None else None
        host = f"host{number % 5}"
        recipe = json.dumps({"stage": stage, "width": 1920, "height": 1080, "note": "y" * 200})
        tables["executions"].append(
            (
                name,
                stage,
                1,
                "failed" if error else "done",
                digest("recipe", name),
                recipe,
                engine,
                '{"numpy": "2.3"}',
                json.dumps(weights),
                "{}",
                host,
                "cuda:0" if weights else "cpu",
                f"{host}-{number % 24}",
                shot,
                1,
                1.0,
                None if error else seconds,
                gpu,
                error,
                error and "it broke",
                text(begin),
                text(end),
                text(end),
            )
        )
        tables["shot_executions"].append((shot, name, "16x9", made))
        return name

    def _made(self, tables: Tables, execution: str, files: list[tuple[str, str, str, str, int]], at: datetime) -> None:
        for role, sha256, kind, suffix, size in files:
            self._file(tables, sha256, kind, at, suffix, size)
            tables["execution_outputs"].append((execution, role, sha256))

    def _file(self, tables: Tables, sha256: str, kind: str, at: datetime, suffix: str, size: int) -> None:
        old = kind in ("still", "master", "mezzanine") and at < self.now - timedelta(days=30)
        state = "collected" if old else "damaged" if self.random.random() < 1e-5 else "present"
        location = f"{sha256[:2]}/{sha256[2:4]}/{sha256}{suffix}"
        size = int(size * self.random.lognormvariate(0, 0.3))
        tables["artifacts"].append((sha256, kind, state, size, location, "{}", text(at)))
