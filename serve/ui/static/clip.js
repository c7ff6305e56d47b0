// Clips: their frames, taken in the browser at a chosen rate. The server only ever sees pictures.

import { Problem } from "./api.js";
import { FRAME, shot, unreadable } from "./media.js";

/** Frames of one clip at most: each is a picture that the page keeps and the server reads. */
export const MOST_FRAMES = 300;
/** Seconds a browser may take to show one moment of a clip. */
const PATIENCE = 20;

/** Whether a file moves; a clip is {duration, width, height, poster, moments(rate, signal)}. */
export async function openClip(file) {
  if (file.type.startsWith("image/")) return movingImage(file);
  if (file.type.startsWith("video/")) return video(file);
  return video(file).catch(() => null); // of a kind the browser does not know by its name
}

/** The times at which a clip is looked at, in seconds. */
export function timesOf(duration, rate) {
  const count = Math.max(1, Math.ceil(duration * rate - 1e-6));
  return Array.from({ length: Math.min(MOST_FRAMES, count) }, (_, n) => n / rate);
}

function event(target, name, failed) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(failed()), PATIENCE * 1000);
    target.addEventListener(name, () => (clearTimeout(timer), resolve()), { once: true });
    target.addEventListener("error", () => (clearTimeout(timer), reject(failed())), { once: true });
  });
}

async function video(file) {
  const node = document.createElement("video");
  const url = URL.createObjectURL(file);
  const failed = () => unreadable(file);
  Object.assign(node, { muted: true, playsInline: true, preload: "auto" });
  const ready = event(node, "loadeddata", failed);
  node.src = url;
  try {
    await ready;
    if (node.duration === Infinity) {
      // A recording of a browser names no length; the end is found by going there.
      const known = event(node, "durationchange", failed);
      node.currentTime = 1e9;
      await known;
    }
  } catch (error) {
    URL.revokeObjectURL(url);
    throw error;
  }
  const { duration, videoWidth: width, videoHeight: height } = node;
  if (!width || !Number.isFinite(duration)) throw failed();

  async function at(time) {
    const there = event(node, "seeked", () => new Problem("The clip is damaged there."));
    node.currentTime = time;
    await there;
    return shot(node, width, height, FRAME);
  }
  async function* moments(rate, signal) {
    for (const time of timesOf(duration, rate)) {
      signal.throwIfAborted();
      yield { time, ...(await at(time)) };
    }
  }
  const close = () => URL.revokeObjectURL(url);
  return { duration, width, height, poster: () => at(0), moments, close };
}

/** A GIF or WebP that moves; null for one that stands still, or where the browser cannot tell. */
async function movingImage(file) {
  if (!("ImageDecoder" in window) || !(await ImageDecoder.isTypeSupported(file.type))) return null;
  const decoder = new ImageDecoder({ data: await file.arrayBuffer(), type: file.type });
  const times = [];
  let duration = 0;
  try {
    await Promise.all([decoder.tracks.ready, decoder.completed]);
    const count = decoder.tracks.selectedTrack?.frameCount ?? 1;
    if (count < 2) return null;
    for (let frameIndex = 0; frameIndex < count; frameIndex++) {
      const { image } = await decoder.decode({ frameIndex });
      times.push(duration);
      duration += (image.duration || 100_000) / 1e6; // microseconds; browsers take 0 for 0.1 s
      image.close();
    }
  } catch {
    return null; // as a picture it may still be readable; if not, that says so
  }
  const { image: first } = await decoder.decode({ frameIndex: 0 });
  const { displayWidth: width, displayHeight: height } = first;
  first.close();

  async function at(time) {
    const frameIndex = Math.max(
      0,
      times.findLastIndex((begin) => begin <= time + 1e-6),
    );
    const { image } = await decoder.decode({ frameIndex });
    try {
      return await shot(image, width, height, FRAME);
    } finally {
      image.close();
    }
  }
  async function* moments(rate, signal) {
    for (const time of timesOf(duration, rate)) {
      signal.throwIfAborted();
      yield { time, ...(await at(time)) };
    }
  }
  return { duration, width, height, poster: () => at(0), moments, close: () => decoder.close() };
}
