// Faces of a clip keep their number from frame to frame, by the rules of facellm.track.

const area = ([x0, y0, x1, y1]) => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);

function overlap(a, b) {
  const shared = area([
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.min(a[3], b[3]),
  ]);
  const whole = area(a) + area(b) - shared;
  return whole > 0 ? shared / whole : 0;
}

function alike(a, b, rules) {
  const widths = [a[2] - a[0], b[2] - b[0]].sort((one, other) => one - other);
  const away =
    Math.max(Math.abs(a[0] + a[2] - b[0] - b[2]), Math.abs(a[1] + a[3] - b[1] - b[3])) / 2;
  return away <= rules.near * widths[1] && widths[1] <= rules.like * widths[0];
}

const middle = (box) => box[0] + box[2];

export class Tracker {
  constructor(rules) {
    this.rules = rules;
    this.tracks = [];
    this.count = 0;
  }

  /** The numbers of a frame's boxes, in their order; `time` in seconds. */
  step(boxes, time) {
    const before = this.tracks.filter((track) => time - track.time <= this.rules.forget);
    const numbers = new Map(); // place of a box → number
    const taken = new Set();
    const give = (place, number) => (numbers.set(place, number), taken.add(number));

    const pairs = before.flatMap((track) =>
      boxes.map((box, place) => [overlap(track.box, box), track.number, place]),
    );
    pairs.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
    for (const [share, number, place] of pairs)
      if (share >= this.rules.overlap && !numbers.has(place) && !taken.has(number))
        give(place, number);

    const lone = before.filter((track) => !taken.has(track.number));
    const left = boxes.map((_, place) => place).filter((place) => !numbers.has(place));
    if (left.length === lone.length) {
      left.sort((a, b) => middle(boxes[a]) - middle(boxes[b]));
      lone.sort((a, b) => middle(a.box) - middle(b.box));
      left.forEach((place, n) => {
        if (alike(lone[n].box, boxes[place], this.rules)) give(place, lone[n].number);
      });
    }
    boxes.forEach((_, place) => {
      if (!numbers.has(place)) give(place, ++this.count);
    });
    const ordered = boxes.map((_, place) => numbers.get(place));
    const away = before.filter((track) => !ordered.includes(track.number));
    this.tracks = [...boxes.map((box, place) => ({ number: ordered[place], box, time })), ...away];
    return ordered;
  }
}
