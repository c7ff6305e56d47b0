"""Readers of free answers: what did a model that was never taught our grammar answer?

    answer ── body ──▶ tags, JSON, "Final answer: …", sentences ── one reader a kind ──▶ value
                                                                        └──▶ ParseFailure

Readers are strict. They return the one value a careful person would write down, and a
`ParseFailure` with a reason for everything else. They match whole words only, and a failure is
counted as an unread answer, never dropped. The rules that all of them share:

1. The loudest part decides: tags, "final answer", JSON, "the answer is", then all that was said.
2. Parts that are equally loud agree, and nothing is refused, disowned or taken back.
3. An answer is found strictly: in a clause whose every word is understood (`lexicon`), in a
   sentence without a condition, a comparison or a report. Its rivals are found leniently: another
   label, letter or number leaves both unread.
4. A negation reaches over its clause and its list; what is possible before a `but` is conceded.
5. Every number is the answer's or explained (a count, a scale, a confidence); percentages spread
   over several answers are none.
"""
