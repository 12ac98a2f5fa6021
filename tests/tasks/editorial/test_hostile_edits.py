"""Edits from outside that are broken, or meant to break: each is refused with a code, and none with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from tasks.editorial import read_edit as reader
from tasks.editorial.edl import edl_text
from tasks.editorial.fcp7 import fcp7_text
from tasks.editorial.otio import otio_text
from tasks.editorial.read_edit import read_edit
from tests.tasks.editorial.scenes import files, rich

RATE = Fraction(24)
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
SEQUENCE = "<sequence><rate><timebase>24</timebase></rate><media><video><track>{}</track></video></media></sequence>"
ONE = "<clipitem><name>A</name><start>{}</start><end>{}</end><in>0</in><out>5</out></clipitem>"
LINE = "001  AX  V  C  00:00:00:00 00:00:01:00 {} {}\n"


def code(path: Path, rate: Fraction = RATE) -> str:
    with pytest.raises(InputError) as told:
        read_edit(path, rate)
    assert told.value.problem.remedy
    return told.value.code


def xml(items: str) -> str:
    return f'<xmeml version="5">{SEQUENCE.format(items)}</xmeml>'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "EDIT_FORMAT"),
        ("a letter\n", "EDIT_FORMAT"),
        ("TITLE: nothing\nFCM: NON-DROP FRAME\n", "EDIT_FORMAT"),
        ("001  AX  V  C  00:00:00:00\n", "EDIT_LINE"),
        ("001  AX  V  C  a b c d\n", "EDIT_LINE"),
        (LINE.format("00:00:00:24", "00:00:02:00"), "BAD_TIMECODE"),
        (LINE.format("00:00:00;00", "00:00:02;00"), "DROP_FRAME_RATE"),
        (LINE.format("00:00:02:00", "00:00:02:00"), "EDIT_LENGTH"),
        ("001  AX  A  C  00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n", "EDIT_EMPTY"),
        ("<", "XML_BROKEN"),
        ("<xmeml><a></xmeml>", "XML_BROKEN"),
        ("<fcpxml version='1.10'/>", "EDIT_FORMAT"),
        ("<xmeml version='5'/>", "EDIT_FORMAT"),
        (f"{LAUGHS}<x>&b;</x>", "XML_ENTITIES"),
        ('<!DOCTYPE xmeml SYSTEM "file:///etc/passwd"><xmeml/>', "XML_ENTITIES"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "XML_ENTITIES"),
        ("<a>" * 200 + "</a>" * 200, "TOO_LARGE"),
        ("<a>" * 100_000, "TOO_LARGE"),
        (xml(""), "EDIT_EMPTY"),
        (xml(ONE.format(0, 0)), "EDIT_LENGTH"),
        (xml(ONE.format("x", 5)), "EDIT_LINE"),
        (xml(ONE.format("9" * 5000, 5)), "EDIT_LINE"),
        (xml(ONE.format(-1, 5)), "EDIT_LINE"),
        (xml("<clipitem/>"), "EDIT_LINE"),
        (xml(ONE.format(0, 5)).replace(">24<", ">25<"), "EDIT_RATE"),
        (xml(ONE.format(0, 5)).replace(">24<", "><"), "EDIT_LINE"),
        ("{", "OTIO_BROKEN"),
        ("{}", "EDIT_FORMAT"),
        ("[" * 100_000, "TOO_LARGE"),
        ('{"a":' * 300 + "1" + "}" * 300, "TOO_LARGE"),
        ("[]", "EDIT_FORMAT"),
        ('{"OTIO_SCHEMA": "Nothing.1"}', "EDIT_FORMAT"),
        ('{"OTIO_SCHEMA": "Timeline.999"}', "OTIO_BROKEN"),
        ('{"OTIO_SCHEMA": "Timeline.1", "tracks": 3}', "OTIO_BROKEN"),
        ('{"OTIO_SCHEMA": "Timeline.1"}', "OTIO_BROKEN"),
    ],
)
def test_is_refused_with_a_code(text: str, wanted: str, tmp_path: Path) -> None:
    path = tmp_path / "edit"
    path.write_text(text)
    assert code(path) == wanted


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert code(tmp_path / "gone.edl") == "FILE_MISSING"
    assert code(tmp_path) == "NOT_A_FILE"
    (tmp_path / "a.xml").write_bytes(b"<xmeml>\xff\xfe</xmeml>")
    assert code(tmp_path / "a.xml") == "BAD_ENCODING"
    (tmp_path / "a.mov").write_bytes(bytes(range(256)) * 4)
    assert code(tmp_path / "a.mov") == "BAD_ENCODING"


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LARGEST", 10)
    (tmp_path / "a.edl").write_text("TITLE: long\n")
    assert code(tmp_path / "a.edl") == "TOO_LARGE"


def test_a_list_in_an_older_encoding_is_read(tmp_path: Path) -> None:
    timeline = rich()
    text = edl_text(timeline, files(timeline)) + "* NOTES: Größe\n"
    (tmp_path / "a.edl").write_bytes(text.encode("latin-1"))
    assert len(read_edit(tmp_path / "a.edl", RATE).cuts) == 6


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e300", '"x"', "null", "[]"])
def test_a_length_that_is_none(value: str, tmp_path: Path) -> None:
    timeline = rich()
    text = otio_text(timeline, files(timeline))
    path = tmp_path / "a.otio"
    path.write_text(text.replace('"value": 48.0', f'"value": {value}', 1))
    assert code(path) in ("OTIO_BROKEN", "EDIT_LINE", "EDIT_LENGTH")


def test_another_rate_is_refused(tmp_path: Path) -> None:
    timeline = rich()
    for suffix, write in (("otio", otio_text), ("xml", fcp7_text)):
        path = tmp_path / f"a.{suffix}"
        path.write_text(write(timeline, files(timeline)))
        assert code(path, Fraction(25)) == "EDIT_RATE"
        assert code(path, Fraction(24000, 1001)) == "EDIT_RATE"


@pytest.mark.parametrize("write", [otio_text, edl_text, fcp7_text])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_export_is_read_or_refused(write: Callable[..., str], data: st.DataObject, tmp_path: Path) -> None:
    timeline = rich()
    text = write(timeline, files(timeline))
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    put = data.draw(st.text(alphabet='<>&{}[]":;,-0123456789 \nA\0é', max_size=12))
    path = tmp_path / "edit"
    path.write_text(text[:at] + put + text[at + cut :], encoding="utf-8")
    try:
        read_edit(path, RATE)
    except InputError as error:
        assert error.code  # anything else is a traceback
