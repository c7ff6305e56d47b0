// The HTTP API of the server. Every failure is a Problem whose message is for people.

export class Problem extends Error {
  /** `lasting`: the next request would fail for the same reason. */
  constructor(message, lasting = false) {
    super(message);
    this.lasting = lasting;
  }
}

async function refused(response) {
  let said;
  try {
    said = (await response.json()).error.message;
  } catch {
    said = null;
  }
  if (response.status === 401)
    return new Problem("The server demands an API key: start facellm ui with --api-key.", true);
  if (response.status === 413) return new Problem("The picture is too large for the server.");
  const words = said ? sentence(said) : `It says no more than ${response.status}.`;
  if (response.status >= 500 || response.status === 403)
    return new Problem(`The server cannot answer. ${words}`, true);
  return new Problem(words);
}

const sentence = (text) =>
  `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

async function send(path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      signal,
      ...(body && {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("This page has lost its connection. Is facellm ui still running?", true);
  }
  if (!response.ok) throw await refused(response);
  return response;
}

const json = async (...asked) => (await send(...asked)).json();

/** The picture as the API takes it. */
export const dataUrl = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Problem("The picture could not be read."));
    reader.readAsDataURL(blob);
  });

export const vocabulary = () => json("vocabulary.json");

/** Name of the server's model. */
export const model = async () => (await json("v1/models")).data[0].id;

/** The FaceReport of a picture, as the text of the answer so that no digit of it is lost. */
export const analyze = async (blob, signal) =>
  (await send("v1/face/analyze", { image: await dataUrl(blob) }, signal)).text();

/** Where the model looked, for the faces of a report. */
export async function maps(blob, report) {
  const faces = report.faces.map(({ box, points }) => ({ box, points }));
  return (await json("v1/face/maps", { image: await dataUrl(blob), faces })).maps;
}

/** The pieces of an answer as they are written. */
export async function* ask(blob, question, face, signal) {
  const body = { image: await dataUrl(blob), question, face, stream: true };
  const response = await send("v1/face/ask", body, signal);
  let rest = "";
  for await (const text of texts(response.body)) {
    const events = (rest + text).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      const { error, choices } = JSON.parse(data);
      if (error) throw new Problem(`The answer broke off: ${error.message}.`);
      yield choices[0].delta.content ?? "";
    }
  }
  throw new Problem("The answer broke off: the server closed the connection.");
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The answer broke off: the connection was lost.");
  } finally {
    reader.releaseLock();
  }
}
