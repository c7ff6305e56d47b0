// The page: wires its controls to what they do.
//
//   file, paste, drop, camera ── media.js, clip.js ──► shots ── api.js ──► frames with reports
//   frames, chosen face ──► marks.js (picture), panel.js (reading), timeline.js (clip), ask.js

import { model, Problem, vocabulary } from "./api.js";
import { answer, stop } from "./ask.js";
import { closeCamera, openCamera, record, takePicture } from "./camera.js";
import { $, show } from "./dom.js";
import { csv, json, save } from "./export.js";
import { pick } from "./marks.js";
import {
  begin,
  cancel,
  estimate,
  openFile,
  readClip,
  readOpenClip,
  readPicture,
} from "./reading.js";
import { state } from "./state.js";
import { seconds } from "./timeline.js";
import { failed, go, on, paint, render, suggest } from "./view.js";

const RECORDED = { seconds: 4, rate: 5 };

/** A listener whose failure is told. */
const told = (act) => (event) => Promise.resolve(act(event)).catch(failed);

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

async function submit(event) {
  event.preventDefault();
  const number = $("who").value;
  const about = $("who").selectedOptions[0].textContent;
  const time = state.open.moves ? `, ${seconds(state.open.frames[state.at].time)}` : "";
  const asked = { question: $("question").value, face: number ? Number(number) : null };
  await answer(state.open.frames[state.at], asked, `${about}${time}`, state.words, on);
}

const stem = () => state.open.name.replace(/\.[^.]*$/, "") || "faces";

function wire() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener(
    "change",
    told(async ({ target }) => {
      const [file] = target.files;
      target.value = ""; // the same file may be chosen again
      if (file) await openFile(file);
    }),
  );
  document.addEventListener(
    "paste",
    told(async ({ clipboardData: { files } }) => files[0] && openFile(files[0])),
  );
  document.addEventListener(
    "dragover",
    (event) => (event.preventDefault(), document.body.classList.add("dragging")),
  );
  document.addEventListener(
    "dragleave",
    ({ relatedTarget }) => relatedTarget ?? document.body.classList.remove("dragging"),
  );
  document.addEventListener(
    "drop",
    told(async (event) => {
      event.preventDefault();
      document.body.classList.remove("dragging");
      const [file] = event.dataTransfer.files;
      if (!file) throw new Problem("Only files can be dropped here: save the picture first.");
      await openFile(file);
    }),
  );

  $("camera").addEventListener("click", told(startCamera));
  $("shoot").addEventListener("click", told(snap));
  $("record").addEventListener("click", told(film));
  $("leave").addEventListener("click", () => (leaveCamera(), show(true, "empty")));

  $("rate").addEventListener("change", estimate);
  $("clip").addEventListener(
    "submit",
    told((event) => (event.preventDefault(), readOpenClip())),
  );
  $("cancel").addEventListener("click", cancel);
  $("scrub").addEventListener("input", ({ target }) => go(Number(target.value)));

  $("zoom").addEventListener("click", () => ((state.zoomed = !state.zoomed), render()));
  $("empty").addEventListener("click", () => $("file").click());
  $("maps").addEventListener(
    "change",
    told(() => paint([])),
  );
  $("where").addEventListener(
    "change",
    ({ target }) => (suggest(), pick(target.value, state.words)),
  );
  $("who").addEventListener("change", ({ target }) => {
    const place = (state.open.frames[state.at].report?.faces ?? []).findIndex(
      (face) => String(face.index) === target.value,
    );
    if (place >= 0 && place !== state.chosen) on.face(place);
  });
  $("ask").addEventListener("submit", told(submit));
  $("stop").addEventListener("click", stop);
  $("json").addEventListener("click", () =>
    save(json(state.open), `${stem()}.json`, "application/json"),
  );
  $("csv").addEventListener("click", () =>
    save(csv(state.open, state.words), `${stem()}.csv`, "text/csv"),
  );
}

async function start() {
  state.words = await vocabulary();
  wire();
  suggest();
  document.body.dataset.ready = "";
  $("model").textContent = await model();
}

start().catch(failed);
