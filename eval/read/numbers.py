"""Numbers that nothing explains: a second value is a rival, however its words are put.

A reader that takes one number from an answer checks that no other is left over. Explained are
percentages, numbers of list items, counts of things, years of the calendar, tolerances, the scale
that was asked for and what is called a confidence.
"""

import re

_N = r"[+-]?(?:[0-9]+(?:[.,][0-9]+)?|\.[0-9]+)"
_NUMBER = re.compile(rf"(?<![\w.,])({_N})(?![0-9.,]*[A-Za-z0-9_])")
_EXPLAINED = re.compile(
    rf"(?<![\w.,]){_N}\s*%"
    r"|^\s*[0-9]{1,2}[.)]\s"
    r"|\b(?:confidence|certainty|probability|likelihood|dominance|total|sum)\b"
    rf"(?:\W|\b(?:level|score|is|of)\b){{0,9}}{_N}"
    rf"|\b(?:face|person|step|figure|image|picture|photo|frame|line)\s*#?\s*{_N}"
    r"|\b[12][0-9]{3}\b"
    rf"|(?:±|\+/-|\+-)\s*{_N}"
    rf"|(?<![\w.,]){_N}\s+(?!(?:ans|años|anos|years|yrs|months|is|as|bis)\b)"
    r"(?:[a-z]+s|people|persons?|children|child|women|woman|men|man|teeth|faces?)\b",
    re.I | re.M,
)


def unexplained(text: str, scale: tuple[int, int] | None = None) -> set[float]:
    """The numbers of a text that may be its answer.

    Args:
        text: the answer.
        scale: least and greatest value of the scale that was asked for, which may be repeated.
    """
    if scale is not None:
        low, high = (rf"[+-]?{abs(end)}(?:\.0)?" for end in scale)
        text = re.sub(
            rf"(?:\b(?:on|in|using) )?(?:a |the )?(?:\bscale )?(?:\bof |\bfrom |\bbetween )?"
            rf"(?<![\w.,]){low}\s*(?:to|and|,|\.\.\.?|-|–)\s*{high}(?![\w.]*[0-9])",
            " ",
            text,
            flags=re.I,
        )
    rest = _EXPLAINED.sub(" ", text)
    return {float(found.replace(",", ".")) for found in _NUMBER.findall(rest)}
