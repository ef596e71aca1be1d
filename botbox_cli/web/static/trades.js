// Open and closed trades, and what they add up to.

import { $, el, fill, gain, price, rounded, signed, time, toast } from "./dom.js";
import { get, post } from "./api.js";
import { ask } from "./dialog.js";
import { curveChart, dispose } from "./chart.js";

const PAGE = 20;
const state = { open: [], closed: [], next: null, standings: {}, curve: null, curveText: "", system: null, changed: () => {} };

export function begin(system, changed) {
  state.system = system;
  state.changed = changed;
  $("more").addEventListener("click", more);
}

export async function refresh() {
  const shown = Math.max(PAGE, state.closed.length);
  const [open, closed] = await Promise.all([
    get("/api/trades?status=open&limit=500"),
    get(`/api/trades?status=closed&limit=${Math.min(500, shown)}`),
  ]);
  state.open = open.trades;
  state.closed = closed.trades;
  state.next = closed.nextOffset;
  drawOpen();
  drawClosed();
}

async function more() {
  const page = await get(`/api/trades?status=closed&limit=${PAGE}&offset=${state.next}`);
  state.closed.push(...page.trades);
  state.next = page.nextOffset;
  drawClosed();
}

export async function refreshPrices() {
  if (!state.open.length) return;
  state.standings = (await get("/api/prices")).trades;
  drawOpen();
}

// One table for all widths: on a phone each row becomes a block, with its headings from data-name.
function table(caption, columns, rows, none) {
  if (!rows.length) return el("p", { class: "empty" }, none);
  return el(
    "table",
    { class: "trades" },
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, ...columns.map(([name]) => el("th", { scope: "col", "data-name": name }, name)))),
    el("tbody", {}, ...rows.map((trade) =>
      el("tr", { "data-trade": trade.id }, ...columns.map(([name, cell]) => {
        const { text, kind } = cell(trade);
        return el("td", { "data-name": name, class: kind || false }, text);
      })),
    )),
  );
}

const plainCell = (pick) => (trade) => ({ text: pick(trade) ?? "–" });

// Where it stands at its newest price, as the server computes it: what is realised, and what is still held.
function nowOf(trade) {
  const at = trade.status === "OPEN" ? state.standings[trade.id] : undefined;
  return at ? { at: Number(at.price), pnl: at.pnl, text: at.price } : null;
}

// A part may be sold already.
const holding = (trade) => (trade.exitPrice === null ? trade.quantity : `${trade.held} of ${trade.quantity}`);

// Where the price stands between stop and target.
function way(trade) {
  const now = nowOf(trade);
  if (now === null) return trade.status === "OPEN" ? "…" : trade.status.toLowerCase();
  const stop = Number(trade.stopLoss), target = Number(trade.takeProfit1);
  const share = Math.min(1, Math.max(0, (now.at - stop) / (target - stop)));
  const mark = el("span", { class: "mark" });
  mark.style.left = `${share * 100}%`;
  return el("span", { class: "way", role: "img", "aria-label": `${Math.round(share * 100)} % of the way from stop to target` }, mark);
}

function drawOpen() {
  $("open-count").textContent = state.open.length || "";
  const focused = document.activeElement?.dataset?.close;
  fill($("open"), table("Open trades", [
    ["Pair", (t) => ({ text: el("span", {}, el("strong", {}, t.symbol), " ", el("span", { class: `tag ${t.direction}` }, t.direction)) })],
    ["Quantity", plainCell(holding)],
    ["Entry", plainCell((t) => price(t.entryPrice))],
    ["Now", plainCell((t) => nowOf(t)?.text)],
    ["P&L now", (t) => {
      const now = nowOf(t);
      return now === null ? { text: "–" } : { text: signed(now.pnl), kind: gain(now.pnl) };
    }],
    ["Stop", plainCell((t) => t.stopLoss)],
    ["Target", plainCell((t) => t.takeProfit1)],
    ["Way", (t) => ({ text: way(t) })],
    ["", (t) => ({
      text: el("button", {
        type: "button", "data-close": t.id, "aria-label": `Close trade ${t.id}, ${t.symbol}`, on: { click: () => askClose(t) },
      }, "Close"),
    })],
  ], state.open, "No open trades."));
  if (focused) $("open").querySelector(`[data-close="${focused}"]`)?.focus();
}

function drawClosed() {
  $("more").hidden = state.next === null;
  fill($("closed"), table("Closed trades", [
    ["Pair", (t) => ({ text: el("span", {}, el("strong", {}, t.symbol), " ", el("span", { class: `tag ${t.direction}` }, t.direction)) })],
    ["Closed", plainCell((t) => time(t.exitTime))],
    ["Why", plainCell((t) => t.closeReason)],
    ["Entry", plainCell((t) => price(t.entryPrice))],
    ["Exit", plainCell((t) => price(t.exitPrice))],
    ["Fees", plainCell((t) => rounded(t.fees))],
    ["P&L", (t) => ({ text: signed(t.pnl), kind: gain(t.pnl) })],
    ["R", (t) => ({ text: signed(t.rMultiple), kind: gain(t.rMultiple) })],
  ], state.closed, "No closed trades yet."));
}

function askClose(trade) {
  const isLive = state.system().mode === "live";
  ask({
    title: `${isLive ? "REAL MONEY: close" : "Close"} ${trade.symbol} now?`,
    lines: [`${trade.held} at market; its stop is cancelled first.`],
    fields: [
      ...(isLive ? [{ name: "confirm", label: `Type ${trade.symbol} to confirm`, wanted: trade.symbol, required: true }] : []),
      { name: "reason", label: "Why? (optional)" },
    ],
    verb: "Close at market",
    kind: "danger",
    act: async (values) => {
      const done = await post(`/api/trades/${trade.id}/close`, values);
      if (done.error) toast(`${done.error.message}${done.error.hint ? ` (${done.error.hint})` : ""}`, "bad");
      if (done.success) toast(`${trade.symbol}: trade ${trade.id} is closed`, "good");
      state.changed();
    },
  });
}

export async function refreshStats() {
  const stats = await get("/api/stats");
  const text = JSON.stringify(stats);
  if (text === state.curveText) return;
  state.curveText = text;
  const figure = (name, value, kind) => el("div", {}, el("dt", {}, name), el("dd", { class: kind || false }, value));
  const share = stats.winRate === null ? "–" : `${rounded(Number(stats.winRate) * 100, 0)} %`;
  fill(
    $("figures"),
    figure("P&L", signed(stats.pnl), gain(stats.pnl)),
    figure("Trades", String(stats.trades)),
    figure("Won", share),
    figure("Each, in R", signed(stats.expectancyR)),
    figure("Profit factor", rounded(stats.profitFactor)),
    figure("Deepest fall", rounded(stats.maxDrawdown)),
    figure("Fees", rounded(stats.fees)),
  );
  if (state.curve) dispose(state.curve);
  state.curve = null;
  $("curve").classList.toggle("none", !stats.curve.length);
  if (stats.curve.length) {
    fill($("curve"));
    state.curve = curveChart($("curve"), stats.curve);
  } else {
    fill($("curve"), el("p", { class: "empty" }, "The curve begins with the first closed trade."));
  }
}
