// Shows what is open: the picture, its reading, the question that stands ready, and what is wrong.

import { maps, Problem } from "./api.js";
import { drawAsk, suggestion } from "./ask.js";
import { $, el, show } from "./dom.js";
import { drawMarks, fills, light, paintMap, pick } from "./marks.js";
import { sizeNote } from "./media.js";
import { drawPanel } from "./panel.js";
import { state } from "./state.js";
import { drawTimeline, seconds } from "./timeline.js";

/** What the parts of the page do when they are used. */
export const on = {
  face: (place) => ((state.named = true), choose(place)),
  region: askAbout,
  attend: (regions) => (light(regions, state.words), paint(regions)),
  leave: () => (light([], state.words), paint([])),
};

export function choose(place) {
  state.chosen = place;
  state.track = state.open.frames[state.at].report?.faces[place]?.track ?? state.track;
  render();
}

export function go(frame) {
  state.at = frame;
  const faces = state.open.frames[state.at].report?.faces ?? [];
  state.chosen = state.open.moves
    ? faces.findIndex((face) => face.track === state.track)
    : state.chosen;
  render();
}

export function render() {
  const frame = state.open.frames[state.at];
  show(true, "view");
  drawMarks(frame, state.chosen, state.zoomed, state.words, on);
  drawZoom(frame);
  $("note").textContent = [
    state.open.name,
    frame.time === null ? null : seconds(frame.time),
    sizeNote(frame),
  ]
    .filter(Boolean)
    .join(" · ");
  const read = Boolean(frame.report || frame.error);
  show(read, "reading", "asking");
  if (!read) return;
  drawPanel(frame, state.chosen, state.words, on);
  drawAsk(frame, state.chosen, state.words);
  pick($("where").value, state.words);
  if (state.open.moves) drawTimeline(state.open.frames, state.at, state.track, state.words, go);
  paint([]);
}

/** Faces that fill less than this share of the picture can be enlarged. */
const WELL_SEEN = 0.4;

function drawZoom(frame) {
  const face = frame.report?.faces[state.chosen];
  show(face && (state.zoomed || fills(face, frame) < WELL_SEEN), "zoom");
  if (face)
    $("zoom").textContent = state.zoomed ? "Show the whole picture" : `Zoom to face ${face.index}`;
}

export async function paint(regions) {
  const frame = state.open.frames[state.at]; // none where something else is being opened
  if (!$("maps").checked || !frame?.report?.faces[state.chosen]) return paintMap(null);
  try {
    frame.maps ??= maps(frame.blob, frame.report); // asked for once a frame
    const map = (await frame.maps)[state.chosen];
    if (frame === state.open.frames[state.at] && $("maps").checked)
      paintMap(map, regions, frame, state.words);
  } catch (error) {
    frame.maps = undefined;
    failed(error);
  }
}

export function busy(doing, done, total) {
  $("doing").textContent = doing;
  $("progress").max = total ?? 1;
  if (done === undefined) $("progress").removeAttribute("value");
  else $("progress").value = done;
  show(true, "busy");
}

export function problem(message) {
  $("problem").replaceChildren(
    ...(message
      ? [
          el("p", {}, message),
          el("button", { type: "button", onclick: () => problem(null) }, "Close"),
        ]
      : []),
  );
}

/** What went wrong, in words; what was cancelled did not go wrong. */
export function failed(error) {
  if (error.name === "AbortError") return;
  show(false, "busy");
  if (!state.open?.frames.length && $("live").hidden) show(true, "empty");
  problem(
    error instanceof Problem
      ? error.message
      : `Something went wrong in this page: ${error.message}`,
  );
}

let suggested = "";

function askAbout(region) {
  $("where").value = region;
  suggest();
  pick(region, state.words);
  // On a phone the keyboard would hide the answer to come.
  if (matchMedia("(pointer: fine)").matches) $("question").focus();
  else $("ask").scrollIntoView({ block: "nearest" });
}

/** Puts the question for the chosen region into the field, unless somebody wrote one. */
export function suggest() {
  const field = $("question");
  if (field.value && field.value !== suggested) return;
  field.value = suggested = suggestion($("where").value, state.words);
}
