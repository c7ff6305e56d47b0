"""A report as text for a terminal."""

from facellm.core.evidence import region_name
from facellm.core.facs import intensity_word, unit_of
from facellm.core.report import FaceReading, FaceReport

BAR = 10
"""Characters of a full bar."""


def summary(report: FaceReport) -> str:
    """A few lines a face."""
    count = len(report.faces)
    faces = "no face" if not count else "1 face" if count == 1 else f"{count} faces"
    lines = [
        f"{report.width} × {report.height} pixels, {faces} "
        f"(finder: {report.finder}, model: {report.model})"
    ]
    for face in report.faces:
        lines += ["", *_face(face)]
    if report.warnings:
        lines += ["", *(f"note: {warning}" for warning in report.warnings)]
    return "\n".join(lines)


def _face(face: FaceReading) -> list[str]:
    ranked = sorted(face.expression.probabilities.items(), key=lambda item: -item[1])
    others = ", ".join(f"{name} {share:.0%}" for name, share in ranked[1:4] if share >= 0.01)
    share = face.expression.probabilities.get(face.expression.label, 0)
    x0, y0, x1, y1 = (round(v) for v in face.box)
    heading = f"Face {face.index}: {face.expression.label} {share:.0%}"
    lines = [
        f"{heading}  ({others})" if others else heading,
        f"  at {x0},{y0} to {x1},{y1}, confidence {face.confidence:.2f}",
    ]
    for code, value in sorted(face.action_units.items(), key=lambda item: -item[1]):
        filled = round(value / 5 * BAR)
        bar = "█" * filled + "·" * (BAR - filled)
        lines.append(f"  {code:<5}{unit_of(code).name:<24}{bar} {value:.1f}")
    for line in face.evidence:
        cited = ", ".join(
            part
            for part in (line.action_unit, line.intensity and intensity_word(line.intensity))
            if part
        )
        lines.append(f"  {region_name(line.region)}: {line.text}" + (f" ({cited})" * bool(cited)))
    if face.text:
        lines.append(f"  “{face.text}”")
    return lines
