// The camera: one picture, or a few seconds as frames.

import { Problem } from "./api.js";
import { $ } from "./dom.js";
import { FRAME, PICTURE, shot } from "./media.js";

const REASONS = {
  NotAllowedError:
    "The browser does not allow the camera. Allow it beside the address and try again.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

let stream = null;

export async function openCamera() {
  if (!navigator.mediaDevices)
    throw new Problem("Browsers allow the camera only on localhost or over https.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1280 }, facingMode: "user" },
    });
  } catch (error) {
    throw new Problem(REASONS[error.name] ?? `The camera cannot be used: ${error.message}`);
  }
  $("viewfinder").srcObject = stream;
  await $("viewfinder").play();
}

export function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  $("viewfinder").srcObject = null;
}

function grab(how) {
  const { videoWidth: width, videoHeight: height } = $("viewfinder");
  return shot($("viewfinder"), width, height, how);
}

export const takePicture = () => grab(PICTURE);

/** Shots over some seconds, each with the time at which it was really taken. */
export async function record(duration, rate) {
  const shots = [];
  const begun = performance.now();
  while (shots.length < duration * rate) {
    const wait = begun + (1000 * shots.length) / rate - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    const time = (performance.now() - begun) / 1000;
    shots.push({ time: shots.length ? Math.round(time * 1000) / 1000 : 0, ...(await grab(FRAME)) });
  }
  return shots;
}
