// Mode, brake, and whether everything is well.

import { $, ago, el, fill, time, toast } from "./dom.js";
import { get, post } from "./api.js";
import { ask } from "./dialog.js";

const state = { system: { mode: "", now: new Date().toISOString(), halt: null }, changed: () => {} };

export const system = () => state.system;

export function begin(changed) {
  state.changed = changed;
}

export async function refresh() {
  state.system = await get("/api/status");
  draw();
}

function draw() {
  const s = state.system;
  document.documentElement.dataset.mode = s.mode;
  document.title = `botbox ${s.mode}`;
  $("mode").textContent = s.mode === "live" ? (s.armed ? "LIVE: real money" : "LIVE, not armed") : s.mode;
  $("docs-link").hidden = !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  $("version").textContent = `botbox ${s.version}`;
  $("halt").textContent = s.halt ? "Resume entries" : "Halt entries";
  $("halted").hidden = !s.halt;
  if (s.halt) $("halted").textContent = `New entries are halted since ${time(s.halt.since)}${s.halt.reason ? `: ${s.halt.reason}` : ""}`;
  const job = (name, label) => {
    const check = s.health[name], run = s.jobs[name];
    return tile(label, ago(check.ageSeconds), check.ok, run ? run.detail : "");
  };
  fill(
    $("system"),
    tile("Mode", s.mode, true, `account ${s.account}, prices ${s.market}`),
    tile("Exchange", s.health.exchange.ok ? "reached" : "not reached", s.health.exchange.ok, s.exchangeError || ""),
    tile("Database", s.health.database.ok ? "well" : "not well", s.health.database.ok, s.database),
    job("record", "Last record"),
    job("scan", "Last scan"),
    job("monitor", "Last monitor"),
    tile("Clock of the account", time(s.now), true, ""),
  );
}

function tile(name, value, isWell, detail) {
  return el(
    "div",
    { class: isWell ? "tile" : "tile bad" },
    el("dt", {}, name),
    el("dd", {}, el("strong", {}, isWell ? value : `⚠ ${value}`), detail ? el("span", { class: "soft" }, detail) : null),
  );
}

export function askHalt() {
  if (state.system.halt) {
    ask({
      title: "Allow new entries again?",
      verb: "Resume",
      act: async () => {
        await post("/api/resume");
        toast("New entries are allowed");
        state.changed();
      },
    });
    return;
  }
  ask({
    title: "Halt new entries?",
    lines: ["Open trades are looked after as before: stops, targets and closing go on."],
    fields: [{ name: "reason", label: "Why? (optional)" }],
    verb: "Halt",
    kind: "danger",
    act: async (values) => {
      await post("/api/halt", values);
      toast("New entries are halted");
      state.changed();
    },
  });
}
