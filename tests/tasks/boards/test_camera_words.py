"""Camera words: a table of sentences that move the camera, and of more that only sound like it."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.boards.notes import camera_words

MOVES: dict[str, dict[str, Any]] = {
    "push in on her hand, slow": {"move": "push", "amount": 0.06},
    "Slow pan left.": {"move": "pan", "amount": 0.06, "direction": "left"},
    "CAM: tilt up": {"move": "tilt", "direction": "up"},
    "camera drifts right": {"move": "drift"},
    "Push in": {"move": "push"},
    "Slow push-in on the lighthouse": {"move": "push", "amount": 0.06},
    "The camera slowly pushes in.": {"move": "push", "amount": 0.06},
    "Camera moves closer to the window": {"move": "push"},
    "Camera: moves closer": {"move": "push"},
    "camera is panning right with the car": {"move": "pan", "direction": "right"},
    "Pan right across the harbour": {"move": "pan", "direction": "right"},
    "Pull back to reveal the house": {"move": "pull"},
    "Zoom out slowly": {"move": "pull", "amount": 0.06},
    "very slow zoom in": {"move": "push", "amount": 0.03},
    "Tilt down to her shoes": {"move": "tilt", "direction": "down"},
    "Static shot.": {"move": "hold"},
    "Camera static": {"move": "hold"},
    "Camera holds on her": {"move": "hold"},
    "Hold on her face": {"move": "hold"},
    "Handheld.": {"move": "drift"},
    "Handheld camera, subtle": {"move": "drift", "amount": 0.06},
    "Crane up over the roofs": {"move": "tilt", "direction": "up"},
    "Orbit around the mug, gently": {"move": "orbit", "amount": 0.06},
    "The keeper turns. Push in on the lantern.": {"move": "push"},
    "Fast pan right": {"move": "pan", "direction": "right", "amount": 0.25},
    "Pan from left to right": {"move": "pan", "direction": "right"},
    "Camera pans left as she turns around": {"move": "pan", "direction": "left"},
    "A slow push in": {"move": "push", "amount": 0.06},
    "Tracking shot along the wall": {"move": "pan"},
    "No camera movement": {"move": "hold"},
    "push in as she turns, very slowly": {"move": "push", "amount": 0.03},
    "Camera does not move.": {"move": "hold"},
    "Dolly in on the door slowly": {"move": "push", "amount": 0.06},
    "camera moves left": {"move": "pan", "direction": "left"},
    "She waits.\nCAM: slow push in": {"move": "push", "amount": 0.06},
    "slowly push in": {"move": "push", "amount": 0.06},
    "push slowly in": {"move": "push", "amount": 0.06},
    "Shot drifts past the masts": {"move": "drift"},
    "Camera zooms in dramatically": {"move": "push", "amount": 0.35},
    "Slow push": {"move": "push", "amount": 0.06},
    "CAM: push": {"move": "push"},
    "Zoom out from the letter to the desk": {"move": "pull"},
    "Camera tilts up.": {"move": "tilt", "direction": "up"},
    "camera orbits left around the mug": {"move": "orbit", "direction": "left"},
    "Locked off.": {"move": "hold"},
    "Truck right along the shelves": {"move": "pan", "direction": "right"},
    "the camera should be handheld": {"move": "drift"},
    "CAMERA - slow tilt down": {"move": "tilt", "direction": "down", "amount": 0.06},
    "Camera pulls back to reveal the harbour, fast": {"move": "pull", "amount": 0.25},
    "Pan left (fast)": {"move": "pan", "direction": "left", "amount": 0.25},
    "Camera rises up": {"move": "tilt", "direction": "up"},
}

ORDINARY = (
    "Waving back to say hi",
    "She moves closer to the window",
    "The background should be very dark because this person lives in a cave.",
    "He pushes the door",
    "hold hands",
    "She turns around slowly",
    "Push in the drawer",
    "push the button",
    "pull the lever slowly",
    "Pull back the curtain",
    "Pan on the stove",
    "pan of eggs",
    "Truck left the road",
    "Truck left at dawn",
    "The truck drifts right",
    "Dolly in the window",
    "Zoom lens on the table",
    "He zooms in on his phone",
    "Move closer to the window",
    "Turn around slowly",
    "Spin, spin, spin!",
    "Tilt her head up",
    "tilts his head down",
    "Orbit of the moon",
    "The ball rolls left slowly",
    "slow",
    "Slow, tired, old.",
    "Hold the beam for the title.",
    "Hold on!",
    "Hold on a second",
    "hold still",
    "Hold on to the rope",
    "KEEPER: Push in!",
    "Sound: zoom in on the latch",
    '"Zoom in!" he shouts',
    "He says 'pan left' and laughs",
    "Push in here?",
    "Should we pan left?",
    "The camera man pushes in",
    "camera operator moves back",
    "Camera on the shelf drifts right",
    "Camera in hand, she moves closer to the window",
    "Shot in the back",
    "Shot moves",
    "The shot glass slides left",
    "Camera pushes him away",
    "Handheld phone",
    "Static on the radio",
    "no push in",
    "Don't zoom in",
    "camera should not pan",
    "Her camera zooms",
    "a fast car",
    "The boat drifts left",
    "drifts right",
    "Floating in space",
    "Static, then silence.",
    "The door swings by itself",
    "Rising tension",
    "Arc of light over the hill",
    "Boom! Down it comes",
    "boom",
    "closer",
    "Get closer",
    "closer and closer",
    "Approach with care",
    "Retreat!",
    "back away",
    "slowly moving left",
    "Push up the window",
    "Pull out the knife",
    "",
    "push in and lock the drawer",
    "a rotating sign",
    "Track the parcel",
    "track in snow",
    "Pan with eggs",
    "The crane up north",
    "zoom",
    "drift",
    "Push!",
    "ZOOM! The car is gone",
    "push him away",
    "Push in the door and enter",
    "push in the crowd",
    "She pans for gold",
    "Panning for gold",
    "Zooming past the house",
    "Tracking his prey through the wood",
    "tracks in the snow",
    "Tilting at windmills",
    "Pan left his village at dawn",
    "Crane left of the tower",
    "Dolly moves in with the family",
    "camera shy, she moves back",
    "camera bag on the left",
    "A camera pans left on the desk shelf? No idea",
    "The shot is too static",
    "Shot of her moving away",
    "close up",
    "Wide shot",
    "hold the camera steady",
    "Peter Pan left",
    "Frying pan right of the sink",
    "She holds",
    "The keeper backs away",
    "Do not move",
    "Nobody moves",
    "Music: slow push in of strings",
    "TITLE: zoom out",
    "Loop the rope twice",
    "orbit the moon in silence, says NASA",
    "Hold on to me",
    "Hold on his phone",
    "He holds on her shoulder",
    "static",
    "still",
    "locked door",
    "Locked down city",
    "Boom operator moves left",
    "Spinning wheel",
    "rotate the mug",
    "Turntable with a record on it",
    "Slide left to unlock",
    "camera left",
    "Exit camera right",
    "Enters camera left",
    "camera left, he drifts right",
)


@pytest.mark.parametrize("text", MOVES)
def test_said_of_the_camera(text: str) -> None:
    found = camera_words(text)
    assert found is not None and found.motion == MOVES[text], found


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_never_becomes_a_move(text: str) -> None:
    assert camera_words(text) is None


def test_only_the_clauses_that_count_are_read_among_others() -> None:
    found = camera_words("She moves closer to the window. Slow push in on the lantern. He zooms off, very fast.")
    assert found is not None and found.motion == {"move": "push", "amount": 0.06}
    assert found.said == "Slow push in on the lantern" and found.unknown == ("on the lantern",)


def test_the_comment_says_what_was_read_and_what_not() -> None:
    found = camera_words("push in on her hand, slow")
    assert found is not None
    assert found.comment() == 'from the notes: "push in on her hand, slow"; not understood: "on her hand"'


def test_the_rest_of_a_clause_is_never_read_for_moves() -> None:
    found = camera_words("Pan left across the static turntable as she backs away very fast and spins")
    assert found is not None and found.motion == {"move": "pan", "direction": "left"}


def test_of_two_moves_the_first_counts_and_the_other_is_told() -> None:
    found = camera_words("Push in. Tilt up to the sky.")
    assert found is not None and found.motion["move"] == "push"
    assert any("Tilt up" in text for text in found.unknown)


def test_long_and_broken_notes_make_one_short_comment() -> None:
    found = camera_words("push in on " + "her hand # and\tthe " * 80)
    assert found is not None and found.comment().isprintable() and len(found.comment()) < 400
