// Requests to this server. What changes something carries the proof that the page got.

let csrf = "";

export class Refused extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.hint = error.hint;
  }
}

async function answerOf(response) {
  let document;
  try {
    document = await response.json();
  } catch {
    document = { error: { code: "http", message: `the server answered ${response.status}`, hint: "" } };
  }
  if (!response.ok && document.success === undefined && document.ok === undefined) {
    if (response.status === 401 && response.url.indexOf("/api/session") < 0) {
      window.dispatchEvent(new Event("logged-out"));
    }
    throw new Refused(response.status, document.error);
  }
  return document;
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refused(0, { code: "offline", message: "the server can't be reached", hint: "is it running?" });
  }
  return answerOf(response);
}

export const get = (path) => send(path, {});

export const post = (path, body = {}) =>
  send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
  });

export async function session() {
  const found = await get("/api/session");
  csrf = found.csrf;
  return found.loggedIn;
}

export async function logIn(token) {
  await session();
  csrf = (await post("/api/session", { token })).csrf;
}

export async function logOut() {
  csrf = (await post("/api/session/end")).csrf;
}
