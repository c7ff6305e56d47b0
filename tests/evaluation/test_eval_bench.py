"""The benchmark of the evaluation runs and counts what it says."""

import pytest

from eval.bench import main


@pytest.mark.slow
def test_it_prints_a_table_of_plausible_speeds(capsys):
    main(predictions=60, calls=70)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:]] == [
        "| 60 stored predictions, expression",
        "| 60 stored predictions, action_units",
        "| a server of 200 ms, 64 bare connections",
        "| the same, evaluation",
    ]
    # 70 calls over 64 connections are two rounds of 200 ms: 175 a second at the very most.
    assert 0 < float(rows[3].split(" | ")[1].split()[0]) <= 175
