// What happens elsewhere: server-sent events, and a new connection whenever one breaks.

import { $ } from "./dom.js";

let source = null;

function show(text, kind) {
  $("link").textContent = text;
  $("link").className = `link ${kind}`;
}

// Call `act` with each new state; `lost` when the stream has ended for good.
export function listen(act, lost) {
  stop();
  show("connecting", "");
  source = new EventSource("/api/events");
  source.addEventListener("open", () => show("connected", "good"));
  source.addEventListener("state", (event) => act(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    show("reconnecting", "bad");
    if (source !== null && source.readyState === EventSource.CLOSED) lost();
  });
}

export function stop() {
  source?.close();
  source = null;
}
