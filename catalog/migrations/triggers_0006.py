"""Triggers and full text of revision 0006, as SQL: frozen with it. What changes comes as a file of its own.

They are triggers because two versions of the code may work side by side, and the older one knows nothing of these
tables. None of them makes a writer wait for another: cards and tallies are rows of their own, and deliveries are
written by one transaction at a time anyway (`catalog.dialect.one_publisher`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

UNMEASURED = -1e9
"""The score of what no threshold says anything about."""

_SQLITE_WORDS = """
    NEW.item || ' ' || NEW.variant || ' ' || (SELECT name FROM runs WHERE id = NEW.run_id) || ' '
    || coalesce((SELECT group_concat(atom, ' ') FROM json_tree(NEW.meta) WHERE atom IS NOT NULL), '')"""

# How far beyond its threshold, or how near to it from within; nothing said where they are equal and that is right.
_SCORE = f"""coalesce((
    SELECT max(CASE WHEN m.passed THEN -1e-9 - abs(m.value - m.threshold) / coalesce(nullif(abs(m.threshold), 0), 1)
                    ELSE abs(m.value - m.threshold) / coalesce(nullif(abs(m.threshold), 0), 1) END)
    FROM deliveries d JOIN measurements m ON m.artifact_sha256 = d.artifact_sha256
    WHERE d.manifest = NEW.manifest AND d.kind = NEW.kind AND d.shot_key = NEW.shot_key AND d.state = 'current'
      AND m.threshold IS NOT NULL AND m.passed IS NOT NULL AND (NOT m.passed OR m.value <> m.threshold)
), {UNMEASURED:g})"""

_ENTRY = f"""
    INSERT INTO review_entries (manifest, kind, shot_key, run_id, shot_id, score, draw, verdict)
    SELECT NEW.manifest, NEW.kind, NEW.shot_key, s.run_id, NEW.shot_id, {_SCORE},
           substr(NEW.artifact_sha256, 1, 4), NULL
    FROM shots s WHERE s.id = NEW.shot_id
    ON CONFLICT (manifest, kind, shot_key) DO UPDATE SET run_id = excluded.run_id, shot_id = excluded.shot_id,
        score = excluded.score, draw = excluded.draw, verdict = NULL;"""

_TALLY = """
    INSERT INTO store_tallies (kind, state, files, bytes) VALUES (NEW.kind, NEW.state, 1, NEW.bytes);"""
_UNTALLY = """
    INSERT INTO store_tallies (kind, state, files, bytes) VALUES (OLD.kind, OLD.state, -1, -OLD.bytes);"""

_SQLITE: Mapping[str, tuple[str, str]] = {
    "card_shot": (
        "AFTER INSERT ON shots",
        f"""
    INSERT INTO shot_cards (shot_id, run_id, position, engine, title, words)
    VALUES (NEW.id, NEW.run_id, NEW.position,
            coalesce(json_extract(NEW.plan, '$.renditions[0].animate.engine'), ''),
            coalesce(json_extract(NEW.meta, '$.title'), ''), {_SQLITE_WORDS});""",
    ),
    "card_plan": (
        "AFTER UPDATE OF plan ON shots",
        """
    UPDATE shot_cards SET engine = coalesce(json_extract(NEW.plan, '$.renditions[0].animate.engine'), '')
    WHERE shot_id = NEW.id;""",
    ),
    "card_tag": (
        "AFTER INSERT ON shot_tags",
        """
    UPDATE shot_cards SET words = words || ' ' || NEW.tag WHERE shot_id = NEW.shot_id;""",
    ),
    "card_words": (
        "AFTER INSERT ON shot_cards",
        """
    INSERT INTO shot_words (rowid, words) VALUES (NEW.id, NEW.words);""",
    ),
    "card_reworded": (
        "AFTER UPDATE OF words ON shot_cards",
        """
    INSERT INTO shot_words (shot_words, rowid, words) VALUES ('delete', OLD.id, OLD.words);
    INSERT INTO shot_words (rowid, words) VALUES (NEW.id, NEW.words);""",
    ),
    "card_gone": (
        "AFTER DELETE ON shot_cards",
        """
    INSERT INTO shot_words (shot_words, rowid, words) VALUES ('delete', OLD.id, OLD.words);""",
    ),
    "tally_artifact": ("AFTER INSERT ON artifacts", _TALLY),
    "tally_state": ("AFTER UPDATE OF state ON artifacts WHEN NEW.state <> OLD.state", _UNTALLY + _TALLY),
    "enter_delivery": ("AFTER INSERT ON deliveries", _ENTRY),
}

_POSTGRESQL: Mapping[str, tuple[str, str]] = {
    "card_shot": (
        "AFTER INSERT ON shots FOR EACH ROW",
        """
    INSERT INTO shot_cards (shot_id, run_id, position, engine, title, words)
    SELECT NEW.id, NEW.run_id, NEW.position,
           coalesce(dailies_json(NEW.plan) #>> '{renditions,0,animate,engine}', ''),
           coalesce(dailies_json(NEW.meta) ->> 'title', ''),
           dailies_words(concat_ws(' ', NEW.item, NEW.variant, r.name,
               (SELECT string_agg(said.value, ' ') FROM json_each_text(dailies_json(NEW.meta)) said)))
    FROM runs r WHERE r.id = NEW.run_id;""",
    ),
    "card_plan": (
        "AFTER UPDATE OF plan ON shots FOR EACH ROW",
        """
    UPDATE shot_cards SET engine = coalesce(dailies_json(NEW.plan) #>> '{renditions,0,animate,engine}', '')
    WHERE shot_id = NEW.id;""",
    ),
    "card_tag": (
        "AFTER INSERT ON shot_tags FOR EACH ROW",
        """
    UPDATE shot_cards SET words = words || ' ' || dailies_words(NEW.tag) WHERE shot_id = NEW.shot_id;""",
    ),
    "tally_artifact": ("AFTER INSERT ON artifacts FOR EACH ROW", _TALLY),
    "tally_state": (
        "AFTER UPDATE OF state ON artifacts FOR EACH ROW WHEN (NEW.state <> OLD.state)",
        _UNTALLY + _TALLY,
    ),
    "enter_delivery": ("AFTER INSERT ON deliveries FOR EACH ROW", _ENTRY),
}


def _folds() -> Iterator[tuple[str, str]]:
    """Letters of Latin, Greek and Cyrillic scripts as they are looked up: small and without accents."""
    for code in (*range(0xC0, 0x180), *range(0x386, 0x3CF), *range(0x400, 0x460)):
        letter = chr(code)
        plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        if len(folded := plain.lower()) == 1 and folded != letter:
            yield letter, folded


FOLDS = dict(_folds())
"""For PostgreSQL, whose own small letters depend on the server's locale; SQLite's tokenizer does the same by itself."""

# A zero byte that JSON spells out is no text to PostgreSQL: it must not cost a run its submission.
_FUNCTIONS = (
    r"""
CREATE OR REPLACE FUNCTION dailies_json(said json) RETURNS json LANGUAGE sql IMMUTABLE
AS $$ SELECT replace(said::text, '\u0000', '\u0020')::json $$""",
    f"""
CREATE OR REPLACE FUNCTION dailies_words(said text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT regexp_replace(
    CASE WHEN octet_length(said) = char_length(said) THEN said
         ELSE translate(said, '{"".join(FOLDS)}', '{"".join(FOLDS.values())}') END,
    '[[:punct:][:cntrl:]]+', ' ', 'g') $$""",
)
_FULL_TEXT = {
    "sqlite": "CREATE VIRTUAL TABLE shot_words USING fts5"
    "(words, content='shot_cards', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='3')",
    "postgresql": "CREATE INDEX ix_shot_cards_words ON shot_cards USING gin (to_tsvector('simple', words))",
}
_NO_FULL_TEXT = {
    "sqlite": "DROP TABLE IF EXISTS shot_words",
    "postgresql": "DROP INDEX IF EXISTS ix_shot_cards_words",
}


def _triggers(connection: Connection) -> Mapping[str, tuple[str, str]]:
    return _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL


def drop(connection: Connection) -> None:
    """Take away triggers and full text, where they are."""
    name = connection.dialect.name
    for trigger, (when, _) in _triggers(connection).items():
        table = when.partition(" ON ")[2].partition(" ")[0]
        of_table = "" if name == "sqlite" else f" ON {table}"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}{of_table}")
    connection.exec_driver_sql(_NO_FULL_TEXT[name])


def create(connection: Connection) -> None:
    """Make triggers and full text, replacing what a database may have kept of them."""
    drop(connection)
    name = connection.dialect.name
    connection.exec_driver_sql(_FULL_TEXT[name])
    for function in _FUNCTIONS if name == "postgresql" else ():
        connection.exec_driver_sql(function)
    for trigger, (when, does) in _triggers(connection).items():
        if name == "sqlite":
            connection.exec_driver_sql(f"CREATE TRIGGER {trigger} {when} BEGIN{does}\nEND")
            continue
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION dailies_{trigger}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN{does}\n    RETURN NULL; END $$"
        )
        connection.exec_driver_sql(f"CREATE TRIGGER {trigger} {when} EXECUTE FUNCTION dailies_{trigger}()")


def missing(connection: Connection) -> set[str]:
    """Which triggers, or which full text, a database lacks."""
    wanted = {*_triggers(connection)}
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'table')")
        return {*wanted, "shot_words"} - set(found.scalars())
    named = "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE pg_table_is_visible(c.oid)"
    index = "SELECT relname FROM pg_class WHERE relname = 'ix_shot_cards_words' AND pg_table_is_visible(oid)"
    found = connection.exec_driver_sql(f"{named} AND NOT tgisinternal UNION ALL {index}")
    return {*wanted, "ix_shot_cards_words"} - set(found.scalars())


_CARDS = {
    "sqlite": f"""
    INSERT INTO shot_cards (shot_id, run_id, position, engine, title, words)
    SELECT NEW.id, NEW.run_id, NEW.position,
           coalesce(json_extract(NEW.plan, '$.renditions[0].animate.engine'), ''),
           coalesce(json_extract(NEW.meta, '$.title'), ''),
           {_SQLITE_WORDS}
           || coalesce((SELECT ' ' || group_concat(tag, ' ') FROM shot_tags WHERE shot_id = NEW.id), '')
    FROM shots NEW ORDER BY NEW.run_id, NEW.position""",
    "postgresql": """
    INSERT INTO shot_cards (shot_id, run_id, position, engine, title, words)
    SELECT s.id, s.run_id, s.position,
           coalesce(dailies_json(s.plan) #>> '{renditions,0,animate,engine}', ''),
           coalesce(dailies_json(s.meta) ->> 'title', ''),
           dailies_words(concat_ws(' ', s.item, s.variant, r.name,
               (SELECT string_agg(said.value, ' ') FROM json_each_text(dailies_json(s.meta)) said),
               (SELECT string_agg(t.tag, ' ') FROM shot_tags t WHERE t.shot_id = s.id)))
    FROM shots s JOIN runs r ON r.id = s.run_id ORDER BY s.run_id, s.position""",
}
_TALLIES = """
    INSERT INTO store_tallies (kind, state, files, bytes)
    SELECT kind, state, count(*), sum(bytes) FROM artifacts GROUP BY kind, state"""
_NEWEST = """
    SELECT a.manifest, a.kind, a.shot_key, a.shot_id, a.artifact_sha256, s.run_id FROM deliveries a
    JOIN shots s ON s.id = a.shot_id
    WHERE a.id IN (SELECT max(id) FROM deliveries WHERE state = 'current' GROUP BY manifest, kind, shot_key)"""
_ENTRIES = f"""
    INSERT INTO review_entries (manifest, kind, shot_key, run_id, shot_id, score, draw, verdict)
    SELECT manifest, kind, shot_key, run_id, shot_id, {_SCORE}, substr(artifact_sha256, 1, 4), NULL
    FROM ({_NEWEST}) NEW"""


def fill(connection: Connection) -> None:
    """Fill the empty tables from what the catalog knows."""
    connection.exec_driver_sql(_CARDS[connection.dialect.name])
    connection.exec_driver_sql(_TALLIES)
    connection.exec_driver_sql(_ENTRIES)
