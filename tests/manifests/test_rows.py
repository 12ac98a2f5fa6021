"""Rows from CSV and JSON lines."""

from __future__ import annotations

import json

import pytest

from tests.manifests.workspace import Workspace

CSV = "version: 1\nrows: {csv: rows.csv}\n"
HEADINGS = "id,source,title\n"


@pytest.mark.parametrize(
    "text",
    [
        "id,source,title\na,a.png,One\nb,b.png,Two\n",
        "\ufeffid,source,title\na,a.png,One\nb,b.png,Two\n",
        "id,source,title\r\na,a.png,One\r\nb,b.png,Two",
        "id,source,title,,\na,a.png,One,,\nb,b.png,Two,,\n",
        "id;source;title\na;a.png;One\nb;b.png;Two\n",
        "sep=;\r\nid;source;title\r\na;a.png;One\r\nb;b.png;Two\r\n",
        "id\tsource\ttitle\na\ta.png\tOne\nb\tb.png\tTwo\n",
        "id|source|title\na|a.png|One\nb|b.png|Two\n",
        "\n\nid,source,title\n\na,a.png,One\n,,\n   \nb,b.png,Two\n\n",
        ' id , source , title \n a , a.png , One \n"b","b.png","Two"\n',
        "id,source,title\na,a.png,One\nb,b.png,Two\n".encode("utf-16"),
    ],
    ids=["plain", "bom", "crlf", "trailing", "semicolons", "excel", "tabs", "pipes", "blank", "spaces", "utf16"],
)
def test_spreadsheets_as_people_save_them(space: Workspace, text: str | bytes) -> None:
    space.write(text, "rows.csv")
    assert [(item.id, item.title) for item in space.load(CSV).items] == [("a", "One"), ("b", "Two")]


def test_cells_mean_what_the_key_takes(space: Workspace) -> None:
    headings = (
        "id;source;tags;deliver;motion.amount;motion.loop;place.anchor;place.safe;rate;seed;meta.price;backdrop.colors"
    )
    row = "a;a.png;x, y|z;web_1080p,instagram_reel;0,25;true;0.2 0,8;0,1;29,97;7;1.299,00;white,#eee"
    space.write(f"{headings}\n{row}\n", "rows.csv")
    ask = space.load(CSV).shots[0].ask
    assert ask.tags == ("x", "y", "z")
    assert ask.deliver == ("web_1080p", "instagram_reel")
    assert (ask.motion.amount, ask.motion.loop, ask.seed) == (0.25, True, 7)
    assert (ask.place.anchor, ask.place.safe) == ((0.2, 0.8), 0.1)
    assert str(ask.rate) == "30000/1001"
    assert ask.meta == {"price": "1.299,00"}, "meta stays as written"
    assert ask.backdrop.colors == ("#ffffff", "#eeeeee")


def test_variants_and_parts_of_a_source_in_cells(space: Workspace) -> None:
    space.write("id,source,source.page,source.mask,variants.seed\na,a.png,2,b.png,1|2\n", "rows.csv")
    shots = space.load(CSV).shots
    assert [shot.ask.seed for shot in shots] == [1, 2]
    source = shots[0].ask.source
    assert (source.path.name, source.page, source.mask and source.mask.name) == ("a.png", 2, "b.png")


def test_lines_stay_right_past_quoted_line_breaks(space: Workspace) -> None:
    rows = 'a,a.png,"two\nlines"\nb,b.png,"three\r\n\r\nlines"\n\nc,none.png,x\n'
    space.write(HEADINGS + rows, "rows.csv")
    problem = space.fault(CSV)
    assert (problem.code, problem.item, problem.line) == ("PICTURE_MISSING", "c", 8)
    assert problem.file.endswith("rows.csv")


@pytest.mark.parametrize(
    ("text", "code", "line", "told"),
    [
        ("", "NO_ROWS", 1, "headings"),
        ("id,source\n", "NO_ROWS", 2, "no rows"),
        ("title,source\nx,a.png\n", "MISSING_ID", 2, "title, source"),
        ("id,source\n,a.png\n", "MISSING_ID", 2, "id"),
        ("id,source\na,\n", "MISSING_KEY", 2, "source"),
        ("id,source,sede\na,a.png,1\n", "UNKNOWN_KEY", 1, "did you mean seed?"),
        ("id,source,motion\na,a.png,push\n", "UNKNOWN_KEY", 1, "motion"),
        ("id,source,id\na,a.png,b\n", "DUPLICATE_COLUMN", 1, "columns 1 and 3"),
        ("id,,source\na,x,a.png\n", "UNKNOWN_COLUMN", 1, "column 2"),
        ("id,source,title\na,a.png,one, two\n", "TOO_MANY_CELLS", 2, "quotes"),
        ('id,source,title\na,a.png,x\nb,b.png,"open\n\n', "CSV_BROKEN", 3, "quotes"),
        ('id,source,title\na,a.png,"x"y\n', "CSV_BROKEN", 2, "quotes"),
        ("id,source,seed\na,a.png,many\n", "WRONG_TYPE", 2, "a whole number"),
        (b"id,source,title\na,a.png,K\xe4se\n", "BAD_ENCODING", 2, "UTF-8"),
        ("id,source\na,a.p\0ng\n", "BAD_ENCODING", 2, "NUL"),
    ],
)
def test_a_bad_spreadsheet_says_which_row(space: Workspace, text: str | bytes, code: str, line: int, told: str) -> None:
    space.write(text, "rows.csv")
    problem = space.fault(CSV)
    assert (problem.code, problem.line) == (code, line)
    assert told in str(problem)


@pytest.mark.parametrize(
    ("rows", "code", "told"),
    [
        ("{csv: none.csv}", "FILE_MISSING", "none.csv"),
        ("{csv: rows.csv, jsonl: rows.jsonl}", "EXCLUSIVE_KEYS", "two files"),
        ("{rest: meta}", "EXCLUSIVE_KEYS", "no file"),
        ("{csv: rows.csv, delimeter: ';'}", "UNKNOWN_KEY", "delimiter"),
        ("{csv: rows.csv, columns: {notes: Titel}}", "UNKNOWN_COLUMN", "did you mean 'title'?"),
        ("{csv: rows.csv, columns: {titel: title}}", "UNKNOWN_KEY", "did you mean title?"),
        ("{csv: rows.csv, where: {Status: on}}", "UNKNOWN_COLUMN", "Status"),
        ("{csv: rows.csv, profile_from: Kind}", "UNKNOWN_COLUMN", "Kind"),
        ("{csv: rows.csv, profile_from: title}", "UNKNOWN_PROFILE", "One"),
    ],
)
def test_a_bad_rows_mapping_is_told_in_the_manifest(space: Workspace, rows: str, code: str, told: str) -> None:
    space.write(HEADINGS + "a,a.png,One\n", "rows.csv")
    problem = space.fault(f"version: 1\nrows: {rows}\n")
    assert (problem.code, problem.line) == (code, 2)
    assert told in str(problem)


def test_where_keeps_only_rows_that_meet_every_condition(space: Workspace) -> None:
    rows = [
        "a,a.png,TRUE,3,red",
        "b,b.png,FALSE,3,red",
        "c,none.png,TRUE,0,blue",
        "d,a.png,true,1,green",
        "e,a.png,TRUE,,",
    ]
    space.write("\n".join(["id,source,Published,Stock,Colour", *rows]), "rows.csv")
    where = "{Published: true, Stock: {not: [0, null]}, Colour: [red, blue, green]}"
    items = space.load(f"version: 1\nrows: {{csv: rows.csv, rest: meta, where: {where}}}\n").items
    assert [item.id for item in items] == ["a", "d"]
    assert items[0].meta == {"Published": "TRUE", "Stock": "3", "Colour": "red"}


def test_an_empty_night_passes_where_it_may(space: Workspace) -> None:
    space.write("id,source\n", "rows.csv")
    manifest = space.load("version: 1\nlimits: {min_rows: 0}\nrows: {csv: rows.csv}\n")
    assert (manifest.items, manifest.shots) == ((), ())


def test_a_column_chooses_the_profile(space: Workspace) -> None:
    space.write("id,source,Type\na,a.png,Mug\nb,b.png,Chair\nc,c.png,\nd,a.png,slow\n", "rows.csv")
    head = (
        "version: 1\nprofile: base\nprofiles: {base: {seed: 1}, round: {seed: 2}, slow: {seed: 3}, other: {seed: 4}}\n"
    )
    rows = "rows: {csv: rows.csv, profile_from: Type, profile_map: {Mug: round, Chair: other}}\n"
    assert [shot.ask.seed for shot in space.load(head + rows).shots] == [2, 4, 1, 3]
    rows = "rows: {csv: rows.csv, profile_from: Type, profile_map: {Mug: round, '*': other}}\n"
    assert [shot.ask.seed for shot in space.load(head + rows).shots] == [2, 4, 4, 4]


def test_json_lines_nest_or_dot(space: Workspace) -> None:
    rows = [
        {"id": "a", "source": "a.png", "motion": {"move": "orbit", "amount": 0.2}, "meta": {"x": 1, "y": None}},
        {"id": 7, "source": {"path": "b.png", "page": 0}, "motion.amount": 0.3, "tags": ["t"], "Brand": "Oak"},
    ]
    space.write("\n\n".join(json.dumps(row) for row in rows) + "\n", "rows.jsonl")
    first, second = space.load("version: 1\nrows: {jsonl: rows.jsonl, rest: meta}\n").items
    assert (first.ask.motion.move, first.ask.motion.amount, first.meta["x"]) == ("orbit", 0.2, 1)
    assert (second.id, second.ask.motion.amount, second.tags, second.line) == ("7", 0.3, ("t",), 3)
    assert second.meta == {"Brand": "Oak"}


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ('{"id": "a"', "JSON_BROKEN", "object"),
        ('{"id": "a", "id": "b", "source": "a.png"}', "JSON_BROKEN", "'id' stands twice"),
        ('{"id": "a", "source": "a.png", "seed": NaN}', "JSON_BROKEN", "NaN"),
        ("[" * 100_000, "JSON_BROKEN", "object"),
        ('["a"]', "WRONG_TYPE", "object"),
        ('{"id": "a", "source": "a.png", "sede": 1}', "UNKNOWN_KEY", "seed"),
        ('{"id": ["a"], "source": "a.png"}', "BAD_ID", "text"),
        ('{"id": "a", "source": "a.png", "motion": {"amount": 9}}', "OUT_OF_RANGE", "0.6"),
    ],
)
def test_a_bad_json_line_is_told(space: Workspace, line: str, code: str, told: str) -> None:
    space.write('{"id": "ok", "source": "a.png"}\n' + line + "\n", "rows.jsonl")
    problem = space.fault("version: 1\nrows: {jsonl: rows.jsonl}\n")
    assert (problem.code, problem.line) == (code, 2)
    assert told in str(problem)


SHOP_HEADINGS = [
    "ID",
    "Typ",
    "Artikelnummer",
    "Name",
    "Veröffentlicht",
    "Ist hervorgehoben?",
    "Sichtbarkeit im Katalog",
    "Kurzbeschreibung",
    "Beschreibung",
    "Datum, an dem Angebotspreis beginnt",
    "Datum, an dem Angebotspreis endet",
    "Steuerstatus",
    "Steuerklasse",
    "Vorrätig?",
    "Lager",
    "Geringe Lagermenge",
    "Lieferrückstande erlaubt?",
    "Nur einzeln verkaufen?",
    "Gewicht (kg)",
    "Länge (cm)",
    "Breite (cm)",
    "Höhe (cm)",
    "Kundenrezensionen erlauben?",
    "Hinweis zum Kauf",
    "Angebotspreis",
    "Regulärer Preis",
    "Kategorien",
    "Schlagwörter",
    "Versandklasse",
    "Bilder",
    "Downloadlimit",
    "Ablauftage des Downloads",
    "Übergeordnetes Produkt",
    "Gruppierte Produkte",
    "Zusatzverkäufe",
    "Cross-Sells (Querverkäufe)",
    "Externe URL",
    "Button-Text",
    "Position",
    "Marken",
] + [f"Attribut {n} {what}" for n in (1, 2, 3, 4, 5) for what in ("Name", "Wert(e)", "Sichtbar", "Global")]


def test_a_shops_own_export_loads_with_a_four_line_header(space: Workspace) -> None:
    assert len(SHOP_HEADINGS) == 60
    given = {
        "ID": "118", "Typ": "simple", "Artikelnummer": "KTL-17", "Name": 'Wasserkocher "Fjord", 1,7 l',
        "Veröffentlicht": "1",
        "Beschreibung": "Edelstahl.\nAbschaltautomatik; leise.", "Gewicht (kg)": "1,25", "Regulärer Preis": "49,90",
        "Kategorien": "Küche > Wasserkocher", "Bilder": "a.png", "Attribut 1 Name": "Farbe",
    }  # fmt: skip
    hidden = given | {"ID": "119", "Artikelnummer": "KTL-18", "Veröffentlicht": "0", "Bilder": "weg.png"}
    second = given | {"ID": "120", "Artikelnummer": "TST-02", "Name": "Toaster", "Bilder": "b.png"}
    lines = [SHOP_HEADINGS, *([row.get(heading, "") for heading in SHOP_HEADINGS] for row in (given, hidden, second))]
    quoted = [";".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines]
    space.write("\ufeff" + "\r\n".join(quoted) + "\r\n", "export.csv")
    manifest = space.load(
        "version: 1\n"
        "defaults: {deliver: [web_1080p, instagram_reel]}\n"
        "rows: {csv: export.csv, rest: meta, where: {Veröffentlicht: 1},\n"
        "  columns: {id: Artikelnummer, source: Bilder, title: Name}}\n"
    )
    assert [item.id for item in manifest.items] == ["KTL-17", "TST-02"]
    kettle = manifest.items[0]
    assert kettle.title == 'Wasserkocher "Fjord", 1,7 l'
    assert (kettle.meta["Regulärer Preis"], kettle.meta["Gewicht (kg)"]) == ("49,90", "1,25")
    assert kettle.meta["Beschreibung"] == given["Beschreibung"]
    assert manifest.items[1].line > kettle.line + 2, "quoted line breaks count"
