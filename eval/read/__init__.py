"""Readers of free answers: what did a model that was never taught our grammar answer?

    answer ── body ──▶ tags, JSON, "Final answer: …", sentences ── one reader a kind ──▶ value
                                                                        └──▶ ParseFailure

Readers are strict. They return the one value a careful person would write down, and a
`ParseFailure` with a reason for everything else: two answers, a negation, a hedge between two, a
refusal. They match whole words only. A failure is counted as an unread answer, never dropped.
"""
