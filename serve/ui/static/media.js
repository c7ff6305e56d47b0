// From files to shots: upright pictures of a bounded size, encoded once. What is shown is the very
// picture that is sent.

import { Problem } from "./api.js";

/**
 * How shots are sent: `side` is the longer side in pixels at most, at which the faces of a group are
 * still large enough to read. Up to `lossless` pixels JPEG would spoil small faces, and saves little;
 * frames of a clip are many, and have lost already.
 */
export const PICTURE = { side: 2560, lossless: 1_000_000 };
export const FRAME = { side: 1280, lossless: 0 };
const QUALITY = 0.95;

/**
 * One picture: {blob, width, height, from}, the size it had in `from`.
 * `source` is anything a canvas can draw.
 */
export async function shot(source, width, height, { side, lossless }) {
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Problem("The picture is too large for this browser.");
  context.fillStyle = "white"; // transparency is laid on white, as the server would
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const type = canvas.width * canvas.height <= lossless ? "image/png" : "image/jpeg";
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
  if (!blob) throw new Problem("The picture is too large for this browser.");
  return {
    blob,
    width: canvas.width,
    height: canvas.height,
    from: { width, height },
  };
}

/** A picture file, turned upright as its EXIF tag says. */
export async function pictureShot(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw unreadable(file);
  }
  try {
    return await shot(bitmap, bitmap.width, bitmap.height, PICTURE);
  } finally {
    bitmap.close();
  }
}

export function unreadable(file) {
  if (file.size === 0) return new Problem(`${file.name} is empty.`);
  return new Problem(
    `${file.name} is no picture or clip that this browser can read, or it is damaged. ` +
      "Pictures may be JPEG, PNG, WebP, AVIF, GIF or BMP, clips MP4 or WebM. " +
      "The commands facellm describe and facellm caption read more kinds.",
  );
}

/** What to say about a shot that is not sent as large as it was. */
export function sizeNote({ width, height, from }) {
  const size = `${from.width} × ${from.height}`;
  return width === from.width ? `${size} pixels` : `${size} pixels, sent as ${width} × ${height}`;
}
