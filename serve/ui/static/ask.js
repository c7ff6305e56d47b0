// Questions and their answers, streamed.

import { ask, Problem } from "./api.js";
import { $, announce, cited, el, show, swap } from "./dom.js";

let running = null;

/** Fills the choices of whom and what to ask about. */
export function drawAsk(frame, chosen, words) {
  const faces = frame.report?.faces ?? [];
  const who = faces.map((face) => el("option", { value: face.index }, `face ${face.index}`));
  const whole = faces.length ? "all faces" : "the picture";
  $("who").replaceChildren(...who, el("option", { value: "" }, whole));
  $("who").value = faces[chosen]?.index ?? "";
  show(faces.length > 0, "region");
  if (!$("where").length)
    $("where").append(
      el("option", { value: "" }, "whole face"),
      ...Object.keys(words.region_names)
        .filter((name) => words.regions[name] || words.pairs[name])
        .map((name) => el("option", { value: name }, words.region_names[name])),
    );
}

/** The question that stands ready for a region. */
export function suggestion(region, words) {
  return region
    ? `What do you see at the ${words.region_names[region]}?`
    : "What do you see, and how can you tell?";
}

/** Streams one answer into the list; the newest stands on top. `about` says whom it is about. */
export async function answer(frame, { question, face }, about, words, on) {
  running?.abort();
  const control = (running = new AbortController());
  const text = el("p", { class: "answer", "aria-busy": "true" });
  const entry = el(
    "li",
    {},
    el("p", { class: "asked" }, el("b", {}, question), " ", el("span", { class: "quiet" }, about)),
    text,
  );
  $("answers").prepend(entry);
  swap("send", "stop");
  try {
    for await (const piece of ask(frame.blob, question, face, control.signal))
      text.textContent += piece;
    announce(`Answer: ${text.textContent}`);
    text.replaceChildren(...cited(text.textContent, words, on));
  } catch (error) {
    const stopped = error.name === "AbortError";
    if (!stopped && !(error instanceof Problem)) throw error;
    const said = stopped ? "Stopped." : error.message;
    entry.append(el("p", { class: stopped ? "quiet" : "wrong" }, said));
    announce(said);
  } finally {
    text.removeAttribute("aria-busy");
    if (running === control) {
      running = null;
      swap("stop", "send");
    }
  }
}

export const stop = () => running?.abort();
