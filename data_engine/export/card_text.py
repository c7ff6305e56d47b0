"""The parts of the dataset card that are the same for every corpus, and its tables."""

from collections.abc import Iterable, Sequence

USES = """\
- Instruction tuning of vision-language models on faces (`messages`, `images`).
- Reinforcement learning: `truth` is the gold answer of the task named in `task`; `facellm.tasks`
  scores the tasks it has.
- Not for: recognising who somebody is; deciding about people (hiring, teaching, policing, health);
  inferring intent, honesty, character or a diagnosis."""

LIMITS = """\
- An expression is not a feeling. Labels say what is visible and how people usually read it.
- Labels are only as good as their source; estimated ones are a tool's opinion with blind spots.
- Templates and teachers word the answers; verification compares them with the labels, so what the
  labels do not cover is unverified.
- Rendered faces have exact labels and look rendered; what is learned on them must be checked on
  photographs of real people.
- Groups are unevenly represented unless the table above shows otherwise.
- Pictures of faces are personal data, and can be biometric data, in many countries. Each source
  keeps its own licence and consent terms: the strictest one binds whoever uses the whole.
- Whoever shares this corpus must be able to take out a person on request: `subject_id` finds them.
- Emotion recognition at work and in education is prohibited in the European Union (AI Act,
  Article 5(1)(f)) except for medical or safety reasons, and restricted elsewhere."""


def frame(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; what would break a cell is escaped."""
    lines = [_line(heads), _line(["---"] * len(heads))]
    return "\n".join([*lines, *(_line([_cell(value) for value in row]) for row in rows)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str) -> str:
    escaped = str(value).replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split()) or "–"
