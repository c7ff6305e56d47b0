// Where the face regions lie, from the 68 points; the tables come from /vocabulary.json.

/** Outline of a region as [[x, y], …], as facellm.core.regions.region_polygon. */
export function outline(region, points, words) {
  const base = words.regions[region].map((index) => points[index]);
  if (region === "forehead") {
    // Nose tip (30) to brows (mean of 21 and 22) is the face's own "up".
    const up = [0, 1].map((axis) => (points[21][axis] + points[22][axis]) / 2 - points[30][axis]);
    const raised = base.map((point) => point.map((v, axis) => v + words.forehead_lift * up[axis]));
    return [...base, ...raised.reverse()];
  }
  if (region === "right_cheek" || region === "left_cheek") {
    const centre = [0, 1].map((axis) => base.reduce((sum, p) => sum + p[axis], 0) / base.length);
    return base.map((point) =>
      point.map((v, axis) => centre[axis] + words.cheek_shrink * (v - centre[axis])),
    );
  }
  return base;
}

/** Regions that are bands along their points: brows and jaw. */
export const BANDS = new Set(["right_brow", "left_brow", "jaw"]);

/** Width of the band that thin regions cover, in inter-ocular distances. */
const WIDTH = 0.14;

/** Distance of the eyes' centres, in the unit of the points. */
export function eyeDistance(points) {
  const centre = (begin, end, axis) =>
    points.slice(begin, end).reduce((sum, point) => sum + point[axis], 0) / (end - begin);
  return Math.hypot(...[0, 1].map((axis) => centre(36, 42, axis) - centre(42, 48, axis)));
}

export const bandWidth = (points) => WIDTH * eyeDistance(points);

/** The regions that a region or a pair such as `brows` covers. */
export const members = (region, words) => words.pairs[region] ?? [region];
