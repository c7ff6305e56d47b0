// What lies over the picture: numbered boxes, the regions of the chosen face, the evidence map.

import { $, el, place, svg } from "./dom.js";
import { BANDS, bandWidth, members, outline } from "./regions.js";

// Larger regions lie under smaller ones, so that each can be reached with a pointer.
const FROM_BELOW = [
  "jaw",
  "forehead",
  "right_cheek",
  "left_cheek",
  "chin",
  "right_nasolabial",
  "left_nasolabial",
  "nose",
  "glabella",
  "right_brow",
  "left_brow",
  "right_eye",
  "left_eye",
  "mouth",
  "inner_mouth",
];

/**
 * Draws a frame, as a whole or the chosen face large.
 * `chosen`: place of the chosen face; `on`: {face(place), region(name)}.
 */
export function drawMarks(frame, chosen, zoomed, words, on) {
  const report = frame.report;
  const face = report?.faces[chosen];
  const image = $("shown");
  if (image.src !== frame.url) image.src = frame.url;
  place($("picture"), { "--ratio": String(frame.width / frame.height) });
  zoomTo(zoomed ? face : null, frame);
  const count = report?.faces.length ?? 0;
  image.alt = report
    ? `The picture, with ${count} ${count === 1 ? "face" : "faces"} found`
    : "The picture";
  const focused = $("faces").contains(document.activeElement);
  $("faces").replaceChildren(
    ...(report?.faces ?? []).map((face, at) => box(face, report, at === chosen, () => on.face(at))),
  );
  if (focused) $("faces").children[chosen]?.focus();
  const marks = $("marks");
  marks.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  marks.replaceChildren(
    ...(face ? FROM_BELOW.map((region) => shape(region, face, words, on.region)) : []),
  );
}

/** Share of the picture's width or height, whichever is more, that a face fills. */
export const fills = ({ box: [x0, y0, x1, y1] }, { width, height }) =>
  Math.max((x1 - x0) / width, (y1 - y0) / height);

const FILLED = 0.55;
/** A face that begins so near to the picture's top has its number inside the box. */
const TOP = 0.1;

/** Enlarges the sheet with the picture and its marks until a face fills half of the view. */
function zoomTo(face, frame) {
  const scale = face ? Math.max(1, FILLED / fills(face, frame)) : 1;
  const [x0, y0, x1, y1] = face?.box ?? [0, 0, frame.width, frame.height];
  const start = (middle, whole) => Math.min(0, Math.max(1 - scale, 0.5 - (scale * middle) / whole));
  place($("sheet"), {
    width: `${100 * scale}%`,
    height: `${100 * scale}%`,
    left: `${100 * start((x0 + x1) / 2, frame.width)}%`,
    top: `${100 * start((y0 + y1) / 2, frame.height)}%`,
  });
}

function box(face, report, chosen, click) {
  const [x0, y0, x1, y1] = face.box;
  const share = Math.round(100 * face.expression.probabilities[face.expression.label]);
  const node = el(
    "button",
    {
      type: "button",
      class: `box${chosen ? " chosen" : ""}${y0 < TOP * report.height ? " high" : ""}`,
      "aria-pressed": String(chosen),
      "aria-label": `Face ${face.index}: ${face.expression.label}, ${share} %`,
      onclick: click,
    },
    el("span", { "aria-hidden": "true" }, String(face.index)),
  );
  const percent = (value, whole) => `${(100 * value) / whole}%`;
  return place(node, {
    left: percent(x0, report.width),
    top: percent(y0, report.height),
    width: percent(x1 - x0, report.width),
    height: percent(y1 - y0, report.height),
  });
}

function shape(region, face, words, click) {
  const path = outline(region, face.points, words)
    .map((point) => point.join(","))
    .join(" ");
  const band = BANDS.has(region);
  const node = svg(
    band ? "polyline" : "polygon",
    {
      points: path,
      class: band ? "region band" : "region",
      "data-region": region,
      onclick: () => click(region),
    },
    svg("title", {}, words.region_names[region]),
  );
  if (band)
    place(node, { "stroke-width": String(bandWidth(face.points) * (region === "jaw" ? 2 : 1)) });
  return node;
}

/** Lights the regions (or pairs) of the chosen face, and no others. */
export function light(regions, words) {
  const lit = new Set(regions.flatMap((region) => members(region, words)));
  for (const node of $("marks").children)
    node.classList.toggle("lit", lit.has(node.dataset.region));
}

/** Marks the region (or pair) that is asked about; "" is none. */
export function pick(region, words) {
  const picked = new Set(members(region, words));
  for (const node of $("marks").children)
    node.classList.toggle("picked", picked.has(node.dataset.region));
}

// Colours of the map from 0 to 1 with their opacity, as in the pictures of `facellm describe`.
const HEAT = [
  [70, 30, 160, 0],
  [170, 30, 140, 70],
  [240, 80, 60, 130],
  [255, 170, 30, 165],
  [255, 245, 140, 190],
];

/** Paints where the model looked for some regions of a face, or clears the map where it is null. */
export function paintMap(map, regions, frame, words) {
  const canvas = $("heat");
  canvas.hidden = !map;
  if (!map) return;
  const named = regions.flatMap((region) => members(region, words));
  const grids = (named.length ? named : Object.keys(map.regions)).map((name) => map.regions[name]);
  const size = grids[0].length;
  const sums = Array.from({ length: size * size }, (_, n) =>
    grids.reduce((sum, grid) => sum + grid[Math.floor(n / size)][n % size], 0),
  );
  const most = Math.max(...sums) || 1;
  canvas.width = canvas.height = size;
  const pixels = new ImageData(size, size);
  sums.forEach((sum, n) => pixels.data.set(colour(Math.sqrt(sum / most)), 4 * n));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const [x0, y0, x1, y1] = map.box;
  const percent = (value, whole) => `${(100 * value) / whole}%`;
  place(canvas, {
    left: percent(x0, frame.width),
    top: percent(y0, frame.height),
    width: percent(x1 - x0, frame.width),
    height: percent(y1 - y0, frame.height),
  });
}

function colour(value) {
  const at = Math.min(HEAT.length - 2, Math.floor(value * (HEAT.length - 1)));
  const part = value * (HEAT.length - 1) - at;
  return HEAT[at].map((low, channel) => low + part * (HEAT[at + 1][channel] - low));
}
