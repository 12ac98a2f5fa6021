"""What is burned into a scene's frames: six places, words that stay, counters that run, and cards for what is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.clip import Planes
from tasks.scene.burn import Burner
from tasks.scene.card import PAPER, card
from tasks.scene.planes import planes_of
from tasks.scene.recipe import SegmentRecipe
from tasks.scene.segments import segments
from tests.tasks.lettering.installed import needs_fonts
from tests.tasks.scene.cutting import plan, row

pytestmark = [needs_fonts, pytest.mark.usefixtures("small")]
POSITIONS = ("top_left", "top", "top_right", "bottom_left", "bottom", "bottom_right")
GREY = 110
WIDTH, HEIGHT = 1280, 720
LONG = (
    "W" * 200,
    "word " * 40,
    "Der Keeper – 灯台守 – Смотритель – حارس" * 5,
    "灯" * 200,
    "حارس " * 40,
    "\u200b\x07\n\t",
    "é̂̃" * 60,
)
SCRIPTS = "Der Keeper 123 – 灯台守は眠る 等待 – Смотритель – حارس المنارة – ผู้ดูแล"


def grey(width: int, height: int) -> Planes:
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    return Planes(np.full((height, width), GREY, np.uint8), chroma, chroma.copy())


def pieces(*shots: dict[str, Any], missing: dict[str, str] | None = None, **scene: Any) -> list[SegmentRecipe]:
    two_seconds: dict[str, Any] = {"seconds": 2}
    rows = [row(f"a{number}", number, **(two_seconds | one)) for number, one in enumerate(shots, start=1)]
    planned = plan(rows, rate=scene.pop("rate", 24), **scene)
    return [resized(piece.recipe, WIDTH, HEIGHT) for piece in segments(planned, missing or {}, "2026-11-21")]


def resized(recipe: SegmentRecipe, width: int, height: int) -> SegmentRecipe:
    return recipe.model_copy(update={"encode": recipe.encode.model_copy(update={"width": width, "height": height})})


def ink(burned: Planes) -> NDArray[np.bool_]:
    return burned.y > 200


def burned(recipe: SegmentRecipe, index: int = 0) -> Planes:
    return Burner(recipe).burned(grey(recipe.encode.width, recipe.encode.height), index)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("what", ["shot", "timecode"])
def test_what_is_burned_in_stands_where_it_was_put(position: str, what: str) -> None:
    (recipe,) = pieces({}, burn_in={position: what})
    rows, columns = np.nonzero(ink(burned(recipe)))
    assert rows.size > 40, "there is ink"
    down, right = rows.mean() / HEIGHT, columns.mean() / WIDTH
    wanted = {"left": (0, 0.4), "right": (0.6, 1)}.get(position.rpartition("_")[2], (0.4, 0.6))
    assert (down < 0.25) == position.startswith("top") and (down > 0.75) == position.startswith("bottom"), down
    assert wanted[0] <= right <= wanted[1], right
    inset = 0.04 * HEIGHT
    assert min(rows.min(), columns.min()) > inset, (rows.min(), columns.min())
    assert rows.max() < HEIGHT - inset and columns.max() < WIDTH - inset, (rows.max(), columns.max())


def test_all_six_at_once_do_not_touch() -> None:
    told = dict(zip(POSITIONS, ("shot", "title", "date", "timecode", "dialogue", "frame"), strict=True))
    text = {"title": "A title of several words", "dialogue": "It is said, and said again, at some length."}
    everything, frame = (pieces(text, burn_in=told)[0], 7)
    together = ink(burned(everything, frame))
    alone = [ink(burned(pieces(text, burn_in={place: what})[0], frame)) for place, what in told.items()]
    apart = sum(int(one.sum()) for one in alone)
    assert apart > 4000 and abs(int(together.sum()) - apart) < apart / 100, (int(together.sum()), apart)


def test_letters_are_legible_on_paper_and_on_black() -> None:
    (recipe,) = pieces({}, burn_in={"top_left": "shot"})
    for ground in (16, 235):
        under = grey(WIDTH, HEIGHT)
        under.y[:] = ground
        found = Burner(recipe).burned(under, 0).y
        part = found[ink(burned(recipe))]
        near = found[20:100, 20:320]
        assert part.mean() > 190 and near.min() < 90, f"ink {part.mean():.0f}, darkest beside {near.min()}"


def test_a_frame_without_burn_ins_is_left_as_it_is() -> None:
    (recipe,) = pieces({})
    under = grey(WIDTH, HEIGHT)
    assert Burner(recipe).burned(under, 3) is under


def test_burning_leaves_the_frame_it_was_given() -> None:
    """A card is one frame that is shown many times."""
    (recipe,) = pieces({}, burn_in={"bottom": "timecode", "top": "shot"})
    under = grey(WIDTH, HEIGHT)
    Burner(recipe).burned(under, 0)
    assert (under.y == GREY).all() and (under.u == 128).all()


def test_counters_run_and_words_stand_still() -> None:
    (words,) = pieces({}, burn_in={"top_left": "shot"})
    assert np.array_equal(burned(words, 0).y, burned(words, 17).y)
    for what in ("timecode", "frame"):
        (counter,) = pieces({}, burn_in={"bottom_right": what})
        frames = [burned(counter, index).y for index in range(48)]
        assert len({frame.tobytes() for frame in frames}) == 48, "every frame has another number"


def test_timecode_and_frame_number_are_those_of_the_scene_and_of_the_shot() -> None:
    """The same letters as a scene that begins there."""
    told = {"bottom": "timecode", "top": "frame"}
    second = pieces({}, {}, burn_in=told, leader=1)[2]
    assert second.first == 48
    own = pieces({}, burn_in=told, start="01:00:02:00")[0]
    assert np.array_equal(burned(second, 5).y, burned(own, 5).y), "2 s later, frame 1006 of its shot"
    other = pieces({}, burn_in=told, start="01:00:02:01", first_frame=1000)[0]
    assert not np.array_equal(burned(second, 5).y, burned(other, 5).y)


@pytest.mark.parametrize("kind", ["dissolve", "dip"])
def test_in_a_transition_names_and_numbers_change_with_the_cut(kind: str) -> None:
    told = {"top_left": "shot", "bottom_right": "frame"}
    first, between, second = pieces({}, {"transition": {"kind": kind, "seconds": 1}}, burn_in=told)
    assert (between.kind, between.encode.frames, between.cut) == (kind, 24, 12)
    left, right = np.s_[:360, :640], np.s_[360:, 640:]
    going, coming = burned(first).y[left], burned(second).y[left]
    assert not np.array_equal(going, coming)
    for index in range(24):
        found = burned(between, index).y
        assert np.array_equal(found[left], going if index < 12 else coming), f"frame {index}"
    assert not np.array_equal(burned(between, 11).y[right], burned(between, 12).y[right])
    one = pieces({}, burn_in=told)[0]
    assert np.array_equal(burned(between, 12).y[right], burned(one, 0).y[right]), "its first frame is 1001"


def test_what_a_row_does_not_say_leaves_no_mark() -> None:
    (recipe,) = pieces({}, burn_in={"bottom": "dialogue", "top": "note"})
    assert not ink(burned(recipe)).any()


@pytest.mark.parametrize("size", [(16, 16), (2, 2), (64, 36), (36, 640), (640, 36), (180, 320), (322, 182)])
def test_frames_of_any_size_and_shape_are_written_on(size: tuple[int, int]) -> None:
    text = {"dialogue": SCRIPTS * 3, "title": SCRIPTS, "notes": "x" * 200}
    told = dict(zip(POSITIONS, ("shot", "title", "timecode", "note", "dialogue", "frame"), strict=True))
    found = burned(resized(pieces(text, burn_in=told)[0], *size))
    assert (found.y.shape, found.u.shape) == (size[::-1], (size[1] // 2, size[0] // 2))
    drawn = card(("SQ010_SH0010", SCRIPTS, "not here: " + "why " * 60), *size)
    assert drawn.shape == (size[1], size[0], 3)
    assert planes_of(drawn).y.shape == size[::-1]


@pytest.mark.parametrize(
    "text", ["W" * 200, "word " * 40, SCRIPTS * 2, "灯" * 200, "حارس " * 40, "\u200b\x07\n\t", "é̂̃" * 60]
)
@pytest.mark.parametrize("position", ["top_left", "bottom"])
def test_long_and_foreign_texts_stay_inside_the_frame_and_off_the_edges(text: str, position: str) -> None:
    (recipe,) = pieces({"dialogue": text}, burn_in={position: "dialogue"})
    found = ink(burned(recipe))
    rows, columns = np.nonzero(found)
    if not rows.size:
        assert not text.strip("\u200b\x07\n\t"), "only what cannot be seen leaves no ink"
        return
    assert min(rows.min(), columns.min()) >= 20, (rows.min(), columns.min())
    assert rows.max() <= HEIGHT - 20 and columns.max() <= WIDTH - 20, (rows.max(), columns.max())
    half = 0.4 if position == "top_left" else 0.95
    assert columns.max() - columns.min() <= WIDTH * half, "it leaves room for what stands beside it"


def test_four_scripts_are_drawn_with_letters_of_their_own() -> None:
    """None is drawn as the box of a letter that no font has."""
    words = ("Keeper", "灯台守", "Смотритель", "حارس")
    frames = [burned(pieces({"dialogue": word}, burn_in={"bottom": "dialogue"})[0]).y for word in words]
    lost = burned(pieces({"dialogue": "\ufffd\ufffd\ufffd"}, burn_in={"bottom": "dialogue"})[0]).y
    assert len({frame.tobytes() for frame in [*frames, lost]}) == 5


def test_a_missing_shots_card_tells_its_name_and_why() -> None:
    whole = pieces({}, {"title": "The lamp"}, {})
    lost = pieces({}, {"title": "The lamp"}, {}, missing={"a2": "the encoder broke"})
    assert [recipe.parts[0].clip for recipe in whole] == ["in"] * 3
    assert [recipe.parts[0].clip for recipe in lost] == ["in", "", "in"]
    assert lost[1].parts[0].card == ("SQ010_SH0020", "The lamp", "not here: the encoder broke")
    assert [lost[0], lost[2]] == [whole[0], whole[2]], "its neighbours are what they were"
    drawn = card(lost[1].parts[0].card, 320, 180)
    light = (drawn.astype(int) - PAPER).max(2) > 60
    rows = np.nonzero(light.any(1))[0]
    lines = 1 + int((np.diff(rows) > 3).sum())
    assert lines >= 3 and light.sum() > 300, f"{lines} lines, {light.sum()} px of ink"


def test_in_a_dissolve_out_of_a_missing_shot_its_card_fades() -> None:
    dissolve = {"transition": {"kind": "dissolve", "seconds": 0.5}}
    lost = pieces({}, dissolve, missing={"a1": "it failed"})
    assert [[part.clip for part in recipe.parts] for recipe in lost] == [[""], ["", "in"], ["in"]]


def test_the_slate_tells_what_the_scene_is() -> None:
    (slate, *_) = pieces({}, {}, leader=2, title="The keeper", rate="29.97", start="01:00:00;00")
    assert (slate.encode.frames, slate.counters) == (60, ())
    told = " ".join(slate.parts[0].card)
    assert all(word in told for word in ("The keeper", "2 shots", "120 frames", "29.97", "01:00:00;00", "2026-11-21"))
