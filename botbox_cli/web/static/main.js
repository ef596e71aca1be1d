// The page: logs in, draws, and keeps up with what happens.

import { $, el, toast } from "./dom.js";
import * as api from "./api.js";
import { tell } from "./dialog.js";
import * as events from "./events.js";
import * as setups from "./setups.js";
import * as status from "./status.js";
import * as trades from "./trades.js";

const PRICES_EVERY_MS = 5000;
const STATUS_EVERY_MS = 20000;
const RETRY_MS = 3000;
let isOpen = false;

async function tried(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    if (error.status !== 401) toast(error.hint ? `${error.message} (${error.hint})` : error.message, "bad");
  }
}

const refreshAll = () =>
  Promise.all([tried(status.refresh), tried(() => setups.refresh()), tried(trades.refresh), tried(trades.refreshStats)]).then(() =>
    tried(trades.refreshPrices),
  );

function showLogin() {
  isOpen = false;
  events.stop();
  if ($("dialog").open) $("dialog").close();
  $("desk").hidden = true;
  $("login").hidden = false;
  document.documentElement.dataset.mode = "";
  $("token").focus();
}

async function showDesk() {
  isOpen = true;
  $("login").hidden = true;
  $("desk").hidden = false;
  // First what the decision is about, with its chart; then the rest.
  const known = tried(status.refresh);
  await tried(() => setups.refresh(known));
  listen();
  await Promise.all([tried(trades.refresh), tried(trades.refreshStats)]);
  await tried(trades.refreshPrices);
}

function listen() {
  if (!isOpen) return;
  events.listen(
    () => isOpen && refreshAll(),
    // The stream ended for good: logged out, or the server is away.
    () => setTimeout(() => isOpen && api.session().then((is) => (is ? listen() : showLogin()), listen), RETRY_MS),
  );
}

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("login-error").hidden = true;
  try {
    await api.logIn($("token").value.trim());
    $("token").value = "";
    await showDesk();
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    $("login-error").textContent = error.hint ? `${error.message} (${error.hint})` : error.message;
    $("login-error").hidden = false;
    $("token").select();
  }
});

$("logout").addEventListener("click", () => tried(api.logOut).then(showLogin));
$("halt").addEventListener("click", status.askHalt);
$("help").addEventListener("click", help);
window.addEventListener("logged-out", showLogin);

function help() {
  const keys = [["a", "approve the chosen setup"], ["r", "reject it"], ["j, k", "next and previous setup"],
    ["h", "halt or resume entries"], ["?", "this help"], ["Esc", "leave a question"]];
  tell("Keys", el("dl", { class: "pairs" }, ...keys.flatMap(([key, text]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)])));
}

const KEYS = { a: setups.askApprove, r: setups.askReject, j: () => setups.step(1), k: () => setups.step(-1), h: status.askHalt, "?": help };

document.addEventListener("keydown", (event) => {
  if (!isOpen || $("dialog").open || event.ctrlKey || event.metaKey || event.altKey) return;
  // A field of a dialog that has just closed may have the focus still; nobody types into it.
  if (event.target.matches("input, textarea, select") && !event.target.closest("dialog")) return;
  const act = KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

setInterval(() => isOpen && !document.hidden && tried(trades.refreshPrices), PRICES_EVERY_MS);
setInterval(() => isOpen && !document.hidden && tried(status.refresh), STATUS_EVERY_MS);
document.addEventListener("visibilitychange", () => isOpen && !document.hidden && refreshAll());

status.begin(refreshAll);
setups.begin(status.system, refreshAll);
trades.begin(status.system, refreshAll);
api.session().then((is) => (is ? showDesk() : showLogin()), showLogin);
