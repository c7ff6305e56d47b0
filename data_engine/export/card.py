"""The dataset card: what is in a corpus, where it comes from, what was thrown away, its limits."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from data_engine.diversity import Comparison, Diversity
from data_engine.export.card_text import LIMITS, USES, frame
from data_engine.export.census import UNRATED, Census, Making
from data_engine.export.losses import Losses
from data_engine.export.parquet import SPLITS
from data_engine.shards import SOURCE, StepCount
from facellm.core.sample import Record

_HUB_LICENCES = (
    "apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
)  # fmt: skip
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)  # fmt: skip
_MOST = 40
"""Values of one label in the card; the rest is summed up."""


class Findings(Record):
    """What the card says beyond the counts."""

    name: str
    forms: tuple[str, ...]
    embedded: bool
    """Whether the parquet files hold the pictures themselves."""
    scorable: dict[str, int]
    """Rows of the rl form by split."""
    diversity: dict[str, Diversity]
    """By writer."""
    comparison: Comparison | None = None
    """Against the answers of the baseline corpus, where one was given."""
    gallery_rows: int
    """Rows in the gallery picture; 0 where there is none."""
    withheld: int
    """Rows of the gallery whose photographs are not shown."""


def card(census: Census, losses: Losses, about: Findings) -> str:
    """The whole README.md."""
    sections = [
        f"# {about.name}",
        _summary(census, losses, about),
        _loading(about),
        "## Sources, licences, consent\n" + _sources(census),
        "## Rows\n" + _rows(census),
        "## Labels\n" + _labels(census),
        "## Groups\n" + _groups(census),
        "## Who wrote the texts\n" + _makers(census),
        "## Lexical diversity\n" + _diversity(about),
        "## What became of every item\n" + _losses(losses),
        "## Rows to check by eye\n" + _gallery(about),
        "## Uses\n" + USES,
        "## Limits and lawful use\n" + LIMITS,
    ]
    body = "\n\n".join(section.strip() for section in sections)
    return f"---\n{_metadata(census, about)}\n---\n{body}\n"


def _metadata(census: Census, about: Findings) -> str:
    from huggingface_hub import DatasetCardData

    licences = sorted({source.licence for source in census.sources})
    known = licences[0].lower() if len(licences) == 1 else ""
    terms: dict[str, Any] = {"license": known}
    if known not in _HUB_LICENCES:
        terms = {"license": "other", "license_name": "see-sources"}
    splits = [split for split in SPLITS if census.rows[split]]
    configs = [_config("default", "data", splits)] if "chat" in about.forms else []
    if about.scorable:
        configs.append(_config("rl", "rl", [s for s in SPLITS if s in about.scorable]))
    size = next((name for limit, name in _SIZES if census.total < limit), "n>10M")
    return DatasetCardData(
        **terms,
        language=["en"],
        pretty_name=about.name,
        size_categories=[size],
        task_categories=["image-text-to-text", "visual-question-answering"],
        annotations_creators=["machine-generated"],
        tags=["face", "facial-expression", "action-units", "facs", "chain-of-thought"],
        configs=configs,
    ).to_yaml()


def _config(name: str, folder: str, splits: Sequence[str]) -> dict[str, Any]:
    files = [{"split": SPLITS[s], "path": f"{folder}/{SPLITS[s]}-*"} for s in splits]
    return {"config_name": name, "data_files": files}


def _summary(census: Census, losses: Losses, about: Findings) -> str:
    text = (
        f"{census.total:,} conversations about {census.pictures:,} pictures and videos of "
        f"{census.persons:,} persons. {census.weak:,} rows "
        f"({_share(census.weak, census.total)}) rest on labels that a tool estimated (`weak`)."
    )
    warnings = []
    lost = losses.failures.total() - losses.failures["not_scorable"]
    if lost:
        warnings.append(f"{lost:,} rows of the run could not be exported; listed below")
    if census.repeated_ids:
        warnings.append(f"{census.repeated_ids:,} rows have an id that another row has too")
    if census.shared_persons:
        warnings.append(f"{census.shared_persons:,} persons are in more than one split")
    return text + "".join(f"\n\n**Warning**: {warning}." for warning in warnings)


def _loading(about: Findings) -> str:
    lines = ["## Loading\n```python", "from datasets import load_dataset", ""]
    if "chat" in about.forms:
        lines.append('rows = load_dataset("FOLDER")["train"]  # messages, images, truth, facts, …')
    if about.scorable:
        lines.append('prompts = load_dataset("FOLDER", "rl")["train"]  # prompt, images, truth, …')
    lines.append("```")
    if not about.embedded:
        lines.append("Pictures are named by their absolute path: the files work on one machine.")
    if "sharegpt" in about.forms:
        lines.append(
            "`sharegpt/*.jsonl` holds the same rows for LLaMA-Factory (`dataset_dir`: this folder, "
            "with `dataset_info.json`) and ms-swift; its pictures are the files of the run, named "
            "relative to this folder."
        )
    lines.append("`validation` is the split that the engine's rows call `val`.")
    return "\n".join(lines)


def _sources(census: Census) -> str:
    rows = [(*source, f"{n:,}") for source, n in sorted(census.sources.items())]
    people = census.total - census.rendered
    return frame(("source", "licence", "consent", "rows"), rows) + (
        f"\n{census.rendered:,} rows show rendered faces, {people:,} rows photographs or videos of "
        "people (every row whose source does not say that it is rendered)."
    )


def _rows(census: Census) -> str:
    splits = [split for split in SPLITS if census.rows[split]]
    persons = census.persons_of_splits()
    split_table = frame(
        ("split", "rows", "persons"),
        [(SPLITS[s], f"{census.rows[s]:,}", f"{persons[s]:,}") for s in splits],
    )
    tasks = sorted({task for task, _ in census.tasks})
    task_table = frame(
        ("task", *(SPLITS[s] for s in splits)),
        [(task, *(f"{census.tasks[task, s]:,}" for s in splits)) for task in tasks],
    )
    turns = ", ".join(f"{n}: {count:,}" for n, count in sorted(census.turns.items()))
    return f"{split_table}\n{task_table}\nRows by number of answers in the conversation: {turns}."


def _labels(census: Census) -> str:
    if not census.labels and not census.units:
        return "No row carries labels."
    parts = [
        "Counted once for each face of each row. *Estimated* labels come from a tool, all others "
        "from people or the renderer.\n\n![Histograms of the labels](labels.png)\n"
    ]
    rows = []
    for field, counts in sorted(census.labels.items()):
        values = sorted({value for value, _ in counts}, key=lambda v: -_both(counts, v))
        for value in values[:_MOST]:
            rows.append((field, value, f"{counts[value, False]:,}", f"{counts[value, True]:,}"))
        rest = sum(_both(counts, value) for value in values[_MOST:])
        if rest:
            rows.append((field, f"{len(values) - _MOST} other values", f"{rest:,}", "–"))
    if rows:
        parts.append(frame(("label", "value", "faces", "estimated"), rows))
    if census.units:
        grades = {**{n: f"intensity {n}" for n in range(6)}, UNRATED: "present, unrated"}
        parts.append(frame(("action unit", "labels", *grades.values()), [
            (f"AU{unit}", "estimated" if weak else "given", *(f"{counts[n]:,}" for n in grades))
            for (unit, weak), counts in sorted(census.units.items())
        ]))  # fmt: skip
    return "\n".join(parts)


def _groups(census: Census) -> str:
    if not census.groups:
        return "No source states groups; how evenly they are represented is not known."
    rows = [
        (group, value, f"{n:,}", _share(n, counts.total()))
        for group, counts in sorted(census.groups.items())
        for value, n in counts.most_common(_MOST)
    ]
    note = "As the sources state them, for audits only, counted once for each face of each row.\n\n"
    return note + frame(("group", "value", "faces", "share"), rows)


def _makers(census: Census) -> str:
    heads = (
        "writer", "teacher", "rows", "prompts", "prompt hashes", "attempts a row", "agreement",
        "tokens read + written", "finish reasons",
    )  # fmt: skip
    return frame(heads, [(*maker, *_made(m)) for maker, m in sorted(census.makers.items())])


def _made(m: Making) -> Iterable[str]:
    prompts = m.prompts.count()
    hashes = sorted(set(m.some_prompts.values()))
    some = ", ".join(f"`{one}`" for one in hashes) + (", …" if prompts > len(hashes) else "")
    asked, said = m.tokens["prompt_tokens"], m.tokens["completion_tokens"]
    tokens = f"{asked:,} + {said:,}" if asked or said else "–"
    finish = ", ".join(f"{reason}: {n:,}" for reason, n in m.finish.most_common())
    return (
        f"{m.rows:,}", f"{prompts:,}" if prompts else "–", some or "–",
        f"{m.attempts / m.rows:.2f}", "–" if m.agreement is None else f"{m.agreement:.2f}",
        tokens, finish or "–",
    )  # fmt: skip


def _diversity(about: Findings) -> str:
    heads = (
        "answers of", "n", "distinct-1", "distinct-2", "distinct-3", "self-BLEU (n)", "words",
        "duplicates",
    )  # fmt: skip
    named = [(writer, measured) for writer, measured in about.diversity.items()]
    if about.comparison is not None:
        named += [
            ("**all writers**, drawn to compare", about.comparison.other),
            ("**baseline corpus**, as many", about.comparison.baseline),
        ]
    note = (
        "Answers drawn by the hash of their row. distinct-k: different k-grams over all; "
        "self-BLEU: mean BLEU-4 of an answer against the others of a draw, 0 to 100, lower is more "
        "varied. All depend on n: compare rows of equal n only.\n\n"
    )
    return note + frame(heads, [(name, *_varied(d)) for name, d in named])


def _varied(d: Diversity) -> Iterable[str]:
    ratios = (d.distinct_1, d.distinct_2, d.distinct_3)
    bleu = "–" if d.self_bleu is None else f"{d.self_bleu:.1f} ({d.self_bleu_n})"
    said = ("–" if r is None else f"{r:.3f}" for r in ratios)
    return (f"{d.n:,}", *said, bleu, f"{d.mean_words:.1f}", f"{d.duplicates:.1%}")


def _taken(step: StepCount) -> str:
    return "–" if step.step == SOURCE else f"{step.taken:,}"


def _losses(losses: Losses) -> str:
    parts = []
    if losses.steps:
        counts = [
            (s.step, _taken(s), f"{s.given:,}", f"{sum(s.rejects.values()):,}")
            for s in losses.steps
        ]
        parts.append(frame(("step", "taken", "given", "rejected"), counts))
    rows = [
        (step, reason, f"{n:,}", losses.examples[step, reason])
        for (step, reason), n in sorted(losses.rejects.items(), key=lambda r: (r[0][0], -r[1]))
    ]
    rows += [
        ("export", reason, f"{n:,}", losses.examples["export", reason])
        for reason, n in losses.failures.most_common()
    ]
    if rows:
        parts.append(frame(("step", "reason", "items", "example"), rows))
    else:
        parts.append("No step rejected anything and every row could be exported.")
    rate = losses.near_duplicate_rate()
    if rate is not None:
        near, looked = rate
        parts.append(f"Near-duplicate rate: {_share(near, looked)} ({near:,} of {looked:,} items).")
    if losses.failures:
        parts.append(
            "Rows the export left out are listed in `failures.jsonl`. `not_scorable` rows are "
            "missing from the rl form only."
        )
    return "\n".join(parts)


def _gallery(about: Findings) -> str:
    if not about.gallery_rows:
        return "No gallery was asked for."
    text = f"![{about.gallery_rows} rows with picture, question and answer](gallery.png)\n\n"
    text += "Boxes mark the labelled faces where the run's samples name them; ~ marks estimates."
    if about.withheld:
        text += (
            f" The photographs and videos of {about.withheld} rows are not shown, because they "
            "show people: set `gallery_of_photos: true` if their licence and consent allow it."
        )
    return text


def _both(counts: Counter[tuple[str, bool]], value: str) -> int:
    return counts[value, False] + counts[value, True]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
