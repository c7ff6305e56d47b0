// Downloads: the report as JSON, the rows of `facellm caption` as CSV.

import { el } from "./dom.js";

const DIGITS = 6; // of a probability, as in facellm.core.fex

/** One row a face a frame of what is open, with the columns of facellm.core.fex. */
export function csv({ frames, name, moves }, words) {
  const rows = frames.flatMap((frame, number) => rowsOf(frame, name, moves, number, words));
  const lines = [words.columns, ...rows.map((row) => words.columns.map((name) => row[name]))];
  return lines.map((cells) => `${cells.map(cell).join(",")}\n`).join("");
}

function rowsOf(frame, input, moves, number, words) {
  const about = { input, frame: number, time: moves ? frame.time : null };
  if (!frame.report) return [{ ...about, error: frame.error }];
  const { width, height, finder, model, faces, warnings } = frame.report;
  const picture = { ...about, width, height, finder, model };
  return faces.length
    ? faces.map((face) => ({ ...picture, ...ofFace(face, warnings, words) }))
    : [picture];
}

function ofFace(face, warnings, words) {
  const [x0, y0, x1, y1] = face.box;
  const start = `face ${face.index}: `;
  const warned = warnings
    .filter((line) => line.startsWith(start))
    .map((line) => line.slice(start.length));
  const row = {
    face: face.index,
    track: face.track,
    FaceRectX: x0,
    FaceRectY: y0,
    FaceRectWidth: round(x1 - x0, 2),
    FaceRectHeight: round(y1 - y0, 2),
    FaceScore: face.confidence,
    expression: face.expression.label,
    text: face.text,
    evidence: JSON.stringify(face.evidence),
    answers: JSON.stringify(face.answers),
    warning: warned.join("; ") || null,
  };
  face.points.forEach(([x, y], n) => Object.assign(row, { [`x_${n}`]: x, [`y_${n}`]: y }));
  for (const [name, share] of Object.entries(face.expression.probabilities))
    row[name] = round(share, DIGITS);
  const otherwise = face.unread.includes("action_units") ? null : 0; // not stated is 0, unread is not
  for (const [code, { number }] of Object.entries(words.units)) {
    const value = face.action_units[code] ?? otherwise;
    const present = value === null ? null : Number(value >= words.present);
    const name = `AU${String(number).padStart(2, "0")}`;
    Object.assign(row, { [`${name}_r`]: value, [`${name}_c`]: present });
    if (words.probable.includes(number)) row[name] = present;
  }
  return row;
}

const round = (value, digits) => Number(value.toFixed(digits));

function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The report as the server wrote it, or of a clip a list of them with their times. */
export function json({ frames, name: source, moves }) {
  if (!moves) return frames[0].raw;
  const read = frames.map(({ time, report, error }, number) => ({
    number,
    time,
    report,
    ...(error && { error }),
  }));
  return JSON.stringify({ source, frames: read }, null, 1);
}

/** Lets the browser save a text. */
export function save(text, name, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser reads it after the click
}
