// From files and cameras to frames with reports.

import { analyze, Problem } from "./api.js";
import { stop } from "./ask.js";
import { closeCamera } from "./camera.js";
import { MOST_FRAMES, openClip, timesOf } from "./clip.js";
import { $, announce, show, swap } from "./dom.js";
import { pictureShot } from "./media.js";
import { counted, state } from "./state.js";
import { drawTimeline, seconds } from "./timeline.js";
import { Tracker } from "./track.js";
import { busy, choose, go, problem, render } from "./view.js";

/** Closes what was open; returns the signal that cancels what is read from now on. */
export function begin(name) {
  state.work?.abort();
  stop();
  closeCamera();
  for (const frame of state.open?.frames ?? []) URL.revokeObjectURL(frame.url);
  state.open?.clip?.close();
  state.open = { name, clip: null, moves: false, frames: [] };
  state.at = 0;
  state.chosen = 0;
  state.track = null;
  state.named = state.zoomed = false;
  state.work = new AbortController();
  $("answers").replaceChildren();
  $("maps").checked = false;
  problem(null);
  show(false, "live", "empty", "clip", "times", "reading", "asking", "view", "busy");
  return state.work.signal;
}

const framed = (shot, time) => ({ ...shot, time, url: URL.createObjectURL(shot.blob) });

export async function openFile(file) {
  const signal = begin(file.name);
  try {
    await opened(file, signal);
  } catch (error) {
    if (!signal.aborted) throw error; // else another file is open by now, and fine
  }
}

async function opened(file, signal) {
  busy("Opening…");
  const still = file.type.startsWith("image/") && !/gif|webp|avif/.test(file.type);
  const clip = still ? null : await openClip(file);
  if (signal.aborted) return clip?.close();
  if (!clip) return readPicture(await pictureShot(file), signal);
  state.open.clip = clip;
  const poster = await clip.poster();
  if (signal.aborted) return;
  state.open.frames = [framed(poster, 0)];
  show(false, "busy");
  show(true, "clip");
  estimate();
  render();
}

export async function readPicture(shot, signal) {
  signal.throwIfAborted();
  state.open.frames = [framed(shot, null)];
  render();
  busy("Reading the faces…");
  const raw = await analyze(shot.blob, signal);
  Object.assign(state.open.frames[0], { raw, report: JSON.parse(raw) });
  choose(0);
  show(false, "busy");
  const { faces } = state.open.frames[0].report;
  const said = faces.map((face) => `face ${face.index}: ${face.expression.label}`).join(", ");
  announce(faces.length ? `${counted(faces.length, "face")} found. ${said}` : "No face was found.");
}

/** Reads shots one by one; keeps what was read when it is cancelled or the server goes. */
export async function readClip(shots, total, signal) {
  const tracker = new Tracker(state.words.tracking);
  const before = state.open.frames;
  state.open.frames = [];
  state.open.moves = true;
  busy("Reading…", 0, total);
  swap("clip", "busy");
  try {
    for await (const shot of shots) {
      const frame = framed(shot, shot.time);
      try {
        frame.report = JSON.parse(await analyze(frame.blob, signal));
        const numbers = tracker.step(
          frame.report.faces.map((face) => face.box),
          frame.time,
        );
        frame.report.faces.forEach((face, n) => (face.track = numbers[n]));
      } catch (error) {
        if (!(error instanceof Problem) || error.lasting) throw error;
        frame.error = error.message;
      }
      signal.throwIfAborted();
      const follows = state.at >= state.open.frames.length - 1;
      state.open.frames.push(frame);
      busy(
        `Reading frame ${state.open.frames.length} of ${total}`,
        state.open.frames.length,
        total,
      );
      if (!state.named) state.track = mainTrack(state.open.frames);
      if (follows) go(state.open.frames.length - 1);
      else drawTimeline(state.open.frames, state.at, state.track, state.words, go);
    }
    announce(`${counted(state.open.frames.length, "frame")} read.`);
  } finally {
    if (state.work.signal === signal) readSoFar(before); // else something else is open by now
  }
}

function readSoFar(before) {
  const focused = $("busy").contains(document.activeElement);
  show(false, "busy");
  if (state.open.frames.length) {
    for (const frame of before) URL.revokeObjectURL(frame.url);
    const shows = (frame) => frame.report?.faces.some((face) => face.track === state.track);
    const seen = state.open.frames.findLastIndex(shows);
    go(state.named || seen < 0 ? state.at : seen);
    if (focused) $("scrub").focus();
  } else {
    Object.assign(state.open, { frames: before, moves: false });
    show(Boolean(state.open.clip), "clip");
    show(!before.length, "empty");
  }
}

const area = ({ box: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);

/** The face with the largest area over all frames. */
function mainTrack(frames) {
  const areas = new Map();
  for (const face of frames.flatMap((frame) => frame.report?.faces ?? []))
    areas.set(face.track, (areas.get(face.track) ?? 0) + area(face));
  return [...areas].reduce((best, one) => (one[1] > best[1] ? one : best), [null, -1])[0];
}

export function estimate() {
  const rate = Number($("rate").value);
  const { duration } = state.open.clip;
  const count = timesOf(duration, rate).length;
  $("clip-size").textContent =
    `A clip of ${seconds(duration)}. ` +
    (count === MOST_FRAMES
      ? `Its first ${seconds(count / rate)} are read.`
      : "Its frames are taken here, and read one by one.");
  $("read").textContent = `Read ${counted(count, "frame")}`;
}

/** Reads the open clip at the chosen rate. */
export async function readOpenClip() {
  const rate = Number($("rate").value);
  const { clip } = state.open;
  const { signal } = (state.work = new AbortController());
  await readClip(clip.moments(rate, signal), timesOf(clip.duration, rate).length, signal);
}

/** Gives up what is being read; what was read stays. */
export function cancel() {
  state.work.abort();
  show(false, "busy");
  if (!state.open.frames.length && !state.open.moves) show(true, "empty");
  announce("Cancelled.");
}
