"""The watch: its numbers by hand, and the alarms that it must and must not raise."""

import json

from rl_samples import full, sample

from rl.journal import draw
from rl.rewards import Truth
from rl.watch import Watch, drift

LABELS = [
    full("happiness", AU6=3.0, AU12=4.0), full("anger", AU4=3.0),
    full("surprise", AU1=3.0, AU2=3.0), full("sadness", AU15=3.0),
]  # fmt: skip
ROWS = [{"task": "reasoning", "truth": Truth(task="reasoning", sample=sample(x)).dump()}
        for x in LABELS]  # fmt: skip
GOLD = [Truth.model_validate_json(row["truth"]).exchange().text for row in ROWS]


def test_numbers_of_a_batch():
    watch = Watch(["au_f1"])
    numbers = watch.see(ROWS, [GOLD[0], GOLD[0], GOLD[2], "nonsense"], [[1.0]] * 4)
    assert numbers == {
        "parse_failures": 1 / 4,
        "same_evidence": 2 / 4, "same_answer": 2 / 4,
        "same_evidence_gold": 1 / 4, "same_answer_gold": 1 / 4,
    }  # fmt: skip


def test_one_answer_for_all_raises_both_alarms(tmp_path):
    watch = Watch(["au_f1"])
    for _ in range(16):
        watch.see(ROWS, [GOLD[0]] * 4, [[1.0]] * 4)
    alarms = watch.alarms(tmp_path / "log.jsonl")
    assert [alarm.partition(":")[0] for alarm in alarms] == [
        "one answer for all",
        "evidence copied",
    ]


def test_right_answers_raise_no_alarm_however_alike_they_are(tmp_path):
    watch = Watch(["au_f1"])
    for _ in range(32):
        watch.see([ROWS[0]] * 3 + [ROWS[1]], [GOLD[0]] * 3 + [GOLD[1]], [[1.0]] * 4)
    assert watch.alarms(tmp_path / "log.jsonl") == []


def test_lengths_that_run_away(tmp_path):
    log = tmp_path / "log.jsonl"

    def lengths(*values: float) -> list[str]:
        rows = [{"stage": "grpo", "step": i, "completions/mean_length": v}
                for i, v in enumerate(values)]  # fmt: skip
        log.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return drift(log)

    assert lengths(*[40.0] * 10, *[58.0] * 10) == []
    assert lengths(*[40.0] * 10, *[62.0] * 9) == []  # too few to tell
    (alarm,) = lengths(*[40.0] * 10, *[62.0] * 10)
    assert alarm.startswith("length drift: answers have 62 tokens, at the start 40")
    assert lengths(*[40.0] * 10, *[26.0] * 10)
    draw(log, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_answers_are_kept_for_reading_with_their_rewards(tmp_path):
    watch = Watch(["au_f1", "expression"], tmp_path / "c.jsonl", keep=1)
    watch.see(ROWS[:2], GOLD[:2], [[0.5, float("nan")], [1.0, 1.0]])
    watch.write_samples(3)
    (line,) = (tmp_path / "c.jsonl").read_text().splitlines()
    kept = json.loads(line)
    assert (kept["step"], kept["text"], kept["au_f1"], kept["expression"]) == (
        3,
        GOLD[0],
        0.5,
        None,
    )
