// What was read of the chosen face: sentence, evidence, action units, expression.

import { $, cited, el, onAttention, place, show } from "./dom.js";

const percent = (share) => (share < 0.005 ? "0 %" : `${Math.round(100 * share)} %`);

/**
 * Shows a frame's reading. `on`: {face(place), region(name), attend(regions), leave()}.
 */
export function drawPanel(frame, chosen, words, on) {
  const faces = frame.report?.faces ?? [];
  const face = faces[chosen];
  drawTabs(faces, chosen, on);
  $("nobody").textContent =
    frame.error ??
    (faces.length
      ? "The chosen face is not seen in this frame. Choose another one, or another frame."
      : "No face was found. Try a picture that shows a face larger, from the front, and in more light.");
  show(!face, "nobody");
  show(Boolean(face), "face", "looked");
  if (face) drawFace(face, words, on);
  const warnings = frame.report?.warnings ?? [];
  $("warnings").replaceChildren(...warnings.map((line) => el("li", {}, line)));
}

function drawTabs(faces, chosen, on) {
  show(faces.length > 1, "tabs");
  const tabs = faces.map((face, at) => {
    const input = el("input", {
      type: "radio",
      name: "face",
      value: face.index,
      onchange: () => on.face(at),
    });
    input.checked = at === chosen;
    return el("label", {}, input, el("span", {}, `Face ${face.index}`));
  });
  // A change of the choice must not take the focus from the radio button that made it.
  const focused = $("tabs").contains(document.activeElement);
  $("tabs").replaceChildren(...tabs);
  if (focused) tabs[chosen]?.firstChild.focus();
}

function drawFace(face, words, on) {
  const { label, probabilities } = face.expression;
  $("headline").replaceChildren(
    el("span", { class: "quiet" }, `Face ${face.index} `),
    el("span", { class: "label" }, label),
    el("span", { class: "quiet" }, ` ${percent(probabilities[label])}`),
  );
  $("text").replaceChildren(...cited(face.text, words, on));
  $("evidence").replaceChildren(...evidence(face, words, on));
  $("units").replaceChildren(...units(face, words, on));
  $("expressions").replaceChildren(
    ...words.emotions.map((name) =>
      el(
        "li",
        {
          class: name === label ? "bar top" : "bar",
          "data-name": name,
          "data-value": probabilities[name],
        },
        el("span", { class: "name" }, name),
        track(probabilities[name]),
        el("span", { class: "value" }, percent(probabilities[name])),
      ),
    ),
  );
}

function evidence(face, words, on) {
  if (face.unread.includes("evidence"))
    return [el("li", { class: "quiet" }, "The model's answer could not be read.")];
  if (!face.evidence.length)
    return [el("li", { class: "quiet" }, "Nothing notable: the face is at rest.")];
  return face.evidence.map((line) => {
    const node = el(
      "button",
      { type: "button", "data-region": line.region, onclick: () => on.region(line.region) },
      el("b", {}, words.region_names[line.region]),
      ` ${line.text} `,
      line.action_unit && el("span", { class: "quiet" }, unitOf(line, words)),
    );
    return el(
      "li",
      {},
      onAttention(node, () => on.attend([line.region]), on.leave),
    );
  });
}

const unitOf = ({ action_unit: code, intensity }, words) =>
  [code, words.units[code].name, intensity == null ? null : intensity.toFixed(0)]
    .filter(Boolean)
    .join(" · ");

function units(face, words, on) {
  if (face.unread.includes("action_units"))
    return [el("li", { class: "quiet" }, "The model's answer could not be read.")];
  const stated = Object.entries(face.action_units).sort(
    ([a], [b]) => words.units[a].number - words.units[b].number,
  );
  if (!stated.length) return [el("li", { class: "quiet" }, "None stated.")];
  return stated.map(([code, value]) => {
    const { name, regions } = words.units[code];
    const node = el(
      "li",
      { class: "bar", "data-name": code, "data-value": value },
      el("span", { class: "name" }, el("b", {}, code), ` ${name}`),
      track(value / words.max_intensity),
      el("span", { class: "value" }, value.toFixed(1)),
    );
    return onAttention(node, () => on.attend(regions), on.leave);
  });
}

const track = (share) =>
  el(
    "span",
    { class: "track", "aria-hidden": "true" },
    place(el("span"), { width: `${100 * share}%` }),
  );
