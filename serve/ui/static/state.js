// What is open and what of it is looked at: the one object that the page's parts share.

export const state = {
  /** The vocabulary of the package. */
  words: null,
  /** {name, clip: null or a clip, moves, frames: [{...shot, time, url, report, raw, error}]} */
  open: null,
  /** The frame that is shown. */
  at: 0,
  /** Place of the chosen face in this frame's report, -1: not in it. */
  chosen: 0,
  /** Of a clip, the chosen face's number. */
  track: null,
  /** Whether somebody chose that face, rather than this page. */
  named: false,
  /** Whether the chosen face is shown large. */
  zoomed: false,
  /** Cancels what is being read. */
  work: null,
};

export const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
