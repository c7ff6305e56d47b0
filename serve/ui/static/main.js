// The page: what is open, what was read of it, and which part of that is looked at.
//
//   file, paste, drop, camera ── media.js, clip.js ──► shots ── api.js ──► frames with reports
//   frames, chosen face ──► marks.js (picture), panel.js (reading), timeline.js (clip), ask.js

import { analyze, maps, model, Problem, vocabulary } from "./api.js";
import { answer, drawAsk, stop, suggestion } from "./ask.js";
import { closeCamera, openCamera, record, takePicture } from "./camera.js";
import { MOST_FRAMES, openClip, timesOf } from "./clip.js";
import { $, announce, el, place, show } from "./dom.js";
import { csv, json, save } from "./export.js";
import { drawMarks, fills, light, paintMap, pick } from "./marks.js";
import { pictureShot, sizeNote } from "./media.js";
import { drawPanel } from "./panel.js";
import { drawTimeline, seconds } from "./timeline.js";
import { Tracker } from "./track.js";

let words;
let open = null; // {name, clip: null | a clip, moves, frames: [{...shot, time, report, raw, error}]}
let at = 0; // the frame that is shown
let track = null; // of a clip, the chosen face's number
let chosen = 0; // place of the chosen face in this frame's report, -1: not in it
let named = false; // whether somebody chose that face, rather than this page
let zoomed = false; // whether the chosen face is shown large
let work = null; // cancels what is being read
const RECORDED = { seconds: 4, rate: 5 };

// --- opening ---------------------------------------------------------------------------------

function begin(name) {
  work?.abort();
  stop();
  leaveCamera();
  for (const frame of open?.frames ?? []) URL.revokeObjectURL(frame.url);
  open?.clip?.close();
  open = { name, clip: null, moves: false, frames: [] };
  at = 0;
  chosen = 0;
  track = null;
  named = zoomed = false;
  work = new AbortController();
  $("answers").replaceChildren();
  $("maps").checked = false;
  problem(null);
  show(false, "empty", "clip", "times", "reading", "asking", "view", "busy");
  return work.signal;
}

const framed = (shot, time) => ({ ...shot, time, url: URL.createObjectURL(shot.blob) });

async function openFile(file) {
  const signal = begin(file.name);
  try {
    await opened(file, signal);
  } catch (error) {
    if (!signal.aborted) throw error; // else another file is open by now, and fine
  }
}

async function opened(file, signal) {
  busy("Opening…");
  const clip = file.type.startsWith("image/") && !/gif|webp|apng|avif/.test(file.type) ? null : await openClip(file);
  if (signal.aborted) return clip?.close();
  if (!clip) return readPicture(await pictureShot(file), signal);
  open.clip = clip;
  const poster = await clip.poster();
  if (signal.aborted) return;
  open.frames = [framed(poster, 0)];
  show(false, "busy");
  show(true, "clip");
  estimate();
  render();
}

async function readPicture(shot, signal) {
  signal.throwIfAborted();
  open.frames = [framed(shot, null)];
  render();
  busy("Reading the faces…");
  const raw = await analyze(shot.blob, signal);
  Object.assign(open.frames[0], { raw, report: JSON.parse(raw) });
  choose(0);
  show(false, "busy");
  const { faces } = open.frames[0].report;
  const said = faces.map((face) => `face ${face.index}: ${face.expression.label}`).join(", ");
  announce(faces.length ? `${counted(faces.length, "face")} found. ${said}` : "No face was found.");
}

/** Reads shots one by one; keeps what was read when it is cancelled or the server goes. */
async function readClip(shots, total, signal) {
  const tracker = new Tracker(words.tracking);
  const before = open.frames;
  open.frames = [];
  open.moves = true;
  show(false, "clip");
  try {
    busy("Reading…", 0, total);
    for await (const shot of shots) {
      const frame = framed(shot, shot.time);
      try {
        frame.report = JSON.parse(await analyze(frame.blob, signal));
        const numbers = tracker.step(frame.report.faces.map((face) => face.box), frame.time);
        frame.report.faces.forEach((face, n) => (face.track = numbers[n]));
      } catch (error) {
        if (!(error instanceof Problem) || error.lasting) throw error;
        frame.error = error.message;
      }
      signal.throwIfAborted();
      const follows = at >= open.frames.length - 1;
      open.frames.push(frame);
      busy(`Reading frame ${open.frames.length} of ${total}`, open.frames.length, total);
      if (!named) track = mainTrack(open.frames);
      if (follows) go(open.frames.length - 1);
      else render();
    }
    announce(`${counted(open.frames.length, "frame")} read.`);
  } finally {
    if (work.signal === signal) readSoFar(before); // else something else is open by now
  }
}

function readSoFar(before) {
  show(false, "busy");
  if (open.frames.length) {
    for (const frame of before) URL.revokeObjectURL(frame.url);
    const seen = open.frames.findLastIndex((frame) => frame.report?.faces.some((face) => face.track === track));
    go(named || seen < 0 ? at : seen);
  } else {
    Object.assign(open, { frames: before, moves: false });
    show(Boolean(open.clip), "clip");
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

const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

// --- showing ---------------------------------------------------------------------------------

const on = {
  face: (place) => ((named = true), choose(place)),
  region: askAbout,
  attend: (regions) => (light(regions, words), paint(regions)),
  leave: () => (light([], words), paint([])),
};

function choose(place) {
  chosen = place;
  track = open.frames[at].report?.faces[place]?.track ?? track;
  render();
}

function go(frame) {
  at = frame;
  const faces = open.frames[at].report?.faces ?? [];
  chosen = open.moves ? faces.findIndex((face) => face.track === track) : chosen;
  render();
}

function render() {
  const frame = open.frames[at];
  show(true, "view");
  drawMarks(frame, chosen, zoomed, words, on);
  drawZoom(frame);
  $("note").textContent = [open.name, frame.time === null ? null : seconds(frame.time), sizeNote(frame)]
    .filter(Boolean).join(" · "); // prettier-ignore
  const read = Boolean(frame.report || frame.error);
  show(read, "reading", "asking");
  if (!read) return;
  drawPanel(frame, chosen, words, on);
  drawAsk(frame, chosen, words);
  pick($("where").value, words);
  if (open.moves) drawTimeline(open.frames, at, track, words, go);
  paint([]);
}

const WELL_SEEN = 0.4;

function drawZoom(frame) {
  const face = frame.report?.faces[chosen];
  show(face && (zoomed || fills(face, frame) < WELL_SEEN), "zoom");
  if (face) $("zoom").textContent = zoomed ? "Show the whole picture" : `Zoom to face ${face.index}`;
}

async function paint(regions) {
  const frame = open.frames[at];
  if (!$("maps").checked || !frame.report?.faces[chosen]) return paintMap(null);
  try {
    frame.maps ??= maps(frame.blob, frame.report); // asked for once a frame
    const map = (await frame.maps)[chosen];
    if (frame === open.frames[at] && $("maps").checked) paintMap(map, regions, frame, words);
  } catch (error) {
    frame.maps = undefined;
    failed(error);
  }
}

function busy(doing, done, total) {
  $("doing").textContent = doing;
  $("progress").max = total ?? 1;
  if (done === undefined) $("progress").removeAttribute("value");
  else $("progress").value = done;
  show(true, "busy");
}

function problem(message) {
  $("problem").replaceChildren(
    ...(message ? [el("p", {}, message), el("button", { type: "button", onclick: () => problem(null) }, "Close")] : []),
  );
}

/** What went wrong, in words; what was cancelled did not go wrong. */
function failed(error) {
  if (error.name === "AbortError") return;
  show(false, "busy");
  if (!open?.frames.length && $("live").hidden) show(true, "empty");
  problem(error instanceof Problem ? error.message : `Something went wrong in this page: ${error.message}`);
}

/** A listener whose failure is told. */
const told = (act) => (event) => Promise.resolve(act(event)).catch(failed);

// --- the camera ------------------------------------------------------------------------------

async function startCamera() {
  begin("camera");
  await openCamera();
  show(true, "live");
}

function leaveCamera() {
  closeCamera();
  show(false, "live");
}

async function snap() {
  const shot = await takePicture();
  await readPicture(shot, begin("camera.jpg"));
}

async function film() {
  $("record").disabled = true;
  let shots;
  try {
    shots = await record(RECORDED.seconds, RECORDED.rate);
  } finally {
    $("record").disabled = false;
  }
  const signal = begin("camera.webm");
  await readClip(shots, shots.length, signal);
}

// --- asking and saving -----------------------------------------------------------------------

let suggested = "";

function askAbout(region) {
  $("where").value = region;
  suggest();
  pick(region, words);
  // On a phone the keyboard would hide the answer to come.
  if (matchMedia("(pointer: fine)").matches) $("question").focus();
  else $("ask").scrollIntoView({ block: "nearest" });
}

/** Puts the question for the chosen region into the field, unless somebody wrote one. */
function suggest() {
  const field = $("question");
  if (field.value && field.value !== suggested) return;
  field.value = suggested = suggestion($("where").value, words);
}

async function submit(event) {
  event.preventDefault();
  const number = $("who").value;
  const about = $("who").selectedOptions[0].textContent;
  const time = open.moves ? `, ${seconds(open.frames[at].time)}` : "";
  const asked = { question: $("question").value, face: number ? Number(number) : null };
  await answer(open.frames[at], asked, `${about}${time}`, words, on);
}

const stem = () => open.name.replace(/\.[^.]*$/, "") || "faces";

// --- wiring ----------------------------------------------------------------------------------

function estimate() {
  const rate = Number($("rate").value);
  const { duration } = open.clip;
  const count = timesOf(duration, rate).length;
  $("clip-size").textContent = `A clip of ${seconds(duration)}. ` + (count === MOST_FRAMES
    ? `Its first ${seconds(count / rate)} are read.` : "Its frames are taken here, and read one by one."); // prettier-ignore
  $("read").textContent = `Read ${counted(count, "frame")}`;
}

function wire() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", told(async ({ target }) => {
    const [file] = target.files;
    target.value = ""; // the same file may be chosen again
    if (file) await openFile(file);
  })); // prettier-ignore
  document.addEventListener("paste", told(async ({ clipboardData: { files } }) => files[0] && openFile(files[0])));
  document.addEventListener("dragover", (event) => (event.preventDefault(), document.body.classList.add("dragging")));
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? document.body.classList.remove("dragging"));
  document.addEventListener("drop", told(async (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const [file] = event.dataTransfer.files;
    if (!file) throw new Problem("Only files can be dropped here: save the picture first.");
    await openFile(file);
  })); // prettier-ignore

  $("camera").addEventListener("click", told(startCamera));
  $("shoot").addEventListener("click", told(snap));
  $("record").addEventListener("click", told(film));
  $("leave").addEventListener("click", () => (leaveCamera(), show(true, "empty")));

  $("rate").addEventListener("change", estimate);
  $("clip").addEventListener("submit", told(async (event) => {
    event.preventDefault();
    const rate = Number($("rate").value);
    work = new AbortController();
    await readClip(open.clip.moments(rate, work.signal), timesOf(open.clip.duration, rate).length, work.signal);
  })); // prettier-ignore
  $("cancel").addEventListener("click", () => {
    work.abort();
    show(false, "busy");
    if (!open.frames.length) show(true, "empty");
    announce("Cancelled.");
  });
  $("scrub").addEventListener("input", ({ target }) => go(Number(target.value)));

  $("zoom").addEventListener("click", () => ((zoomed = !zoomed), render()));
  $("empty").addEventListener("click", () => $("file").click());
  $("maps").addEventListener("change", told(() => paint([])));
  $("where").addEventListener("change", ({ target }) => (suggest(), pick(target.value, words)));
  $("who").addEventListener("change", ({ target }) => {
    const place = (open.frames[at].report?.faces ?? []).findIndex((face) => String(face.index) === target.value);
    if (place >= 0 && place !== chosen) on.face(place);
  });
  $("ask").addEventListener("submit", told(submit));
  $("stop").addEventListener("click", stop);
  $("json").addEventListener("click", () => save(json(open.frames, open.name, open.moves), `${stem()}.json`, "application/json"));
  $("csv").addEventListener("click", () => save(csv(open.frames, open.name, open.moves, words), `${stem()}.csv`, "text/csv"));
}

async function start() {
  words = await vocabulary();
  wire();
  suggest();
  document.body.dataset.ready = "";
  $("model").textContent = await model();
}

start().catch(failed);
