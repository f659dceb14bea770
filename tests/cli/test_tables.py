from __future__ import annotations

from ambergen.cli.tables import pairs, score, table


def test_table__aligns_text_left_and_numbers_right() -> None:
    text = table(("model", "AUROC"), [("searched", "0.9"), ("k-mer", "0.8123")])
    assert text.splitlines() == ["model      AUROC", "--------  ------", "searched     0.9", "k-mer     0.8123"]


def test_pairs__stand_in_columns() -> None:
    assert pairs([("a", 1), ("long", 2)]) == "a     1\nlong  2"


def test_score__has_a_dash_where_there_is_none() -> None:
    assert [score(0.5), score(None), score(float("nan"))] == ["0.5000", "-", "-"]
    assert [score(-0.25), score(0.0), score(2.5e-5), score(1234567.0)] == ["-0.2500", "0.0000", "2.5e-05", "1.235e+06"]
