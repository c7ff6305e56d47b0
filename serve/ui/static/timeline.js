// A clip over time: a row for each expression and unit of the chosen face, a bar a frame.

import { $, el, show, svg } from "./dom.js";

const HEIGHT = 20;
/** Probability that an expression must reach once to get a row. */
const WORTH = 0.25;

export const seconds = (time) => `${time.toFixed(1)} s`;

/** Draws the rows; `go(place)` is called with the frame that was clicked. */
export function drawTimeline(frames, at, track, words, go) {
  show(frames.length > 1, "times");
  if (frames.length < 2) return;
  const series = frames.map((frame) => frame.report?.faces.find((face) => face.track === track));
  const scrub = $("scrub");
  scrub.max = frames.length - 1;
  scrub.value = at;
  const seen = series[at] ? `, ${series[at].expression.label}` : "";
  $("when").textContent = `Frame ${at + 1} of ${frames.length}, ${seconds(frames[at].time)}${seen}`;
  scrub.setAttribute("aria-valuetext", $("when").textContent);
  $("timeline").replaceChildren(...rows(series, words).map((row) => drawn(row, at, go)));
}

function rows(series, words) {
  const emotions = words.emotions
    .map((name) => ({
      name,
      label: name,
      kind: "expression",
      values: series.map((face) => face?.expression.probabilities[name]),
    }))
    .filter(({ values }) => values.some((value) => value >= WORTH));
  const units = Object.entries(words.units)
    .map(([code, { name }]) => ({
      name: code,
      label: `${code} ${name}`,
      kind: "unit",
      values: series.map((face) => face && (face.action_units[code] ?? 0) / words.max_intensity),
    }))
    .filter(({ values }) => values.some((value) => value > 0));
  return [...emotions, ...units];
}

function drawn({ name, label, kind, values }, at, go) {
  const bars = values.flatMap((value, n) => {
    const height = value === undefined ? 0 : Math.max(value > 0.01 ? 1 : 0, value * HEIGHT);
    const column = { x: n + 0.06, width: 0.88 };
    return [
      svg("rect", {
        ...column,
        y: 0,
        height: HEIGHT,
        class: value === undefined ? "slot away" : n === at ? "slot now" : "slot",
      }),
      svg("rect", { ...column, y: HEIGHT - height, height, class: n === at ? "fill now" : "fill" }),
    ];
  });
  const click = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    go(
      Math.min(
        values.length - 1,
        Math.max(0, Math.floor(((event.clientX - left) / width) * values.length)),
      ),
    );
  };
  const most = Math.max(...values.filter((value) => value !== undefined));
  const said =
    kind === "unit"
      ? `at most ${(most * 5).toFixed(1)} of 5`
      : `at most ${Math.round(most * 100)} %`;
  return el(
    "div",
    { class: `line ${kind}`, "data-name": name },
    el("span", { class: "name", title: label }, label),
    svg(
      "svg",
      {
        viewBox: `0 0 ${values.length} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${label}: ${said}`,
        onclick: click,
      },
      ...bars,
    ),
  );
}
