// What waits for a decision: a list, the chosen setup's chart and card, and the decision.

import { $, el, fill, left, percent, rounded, signed, time, toast } from "./dom.js";
import { get, post, Refused } from "./api.js";
import { ask } from "./dialog.js";
import { candleChart, dispose } from "./chart.js";

const state = { setups: [], chosen: null, chart: null, card: null, system: null, changed: () => {} };

export function begin(system, changed) {
  state.system = system;
  state.changed = changed;
}

export const chosen = () => state.setups.find((setup) => setup.id === state.chosen) || null;

// `after`: what must be known before anything is drawn.
export async function refresh(after = null) {
  const [{ setups }] = await Promise.all([get("/api/setups"), after]);
  const before = JSON.stringify(state.setups);
  state.setups = setups;
  if (JSON.stringify(setups) === before && state.chart) return;
  const isGone = chosen() === null;
  drawList();
  if (isGone) await choose(setups.length ? setups[0].id : null);
}

export function clear() {
  state.setups = [];
  state.chosen = null;
  drawCard();
}

function drawList() {
  $("waiting-count").textContent = state.setups.length || "";
  const hadFocus = document.activeElement?.closest?.("#setups") !== null && document.activeElement !== document.body;
  fill($("setups"), ...state.setups.map(row));
  if (hadFocus) $("setups").querySelector("[aria-current=true]")?.focus();
}

function row(setup) {
  const isChosen = setup.id === state.chosen;
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", "aria-current": String(isChosen), "data-setup": setup.id, on: { click: () => choose(setup.id) } },
      el("span", { class: "row" }, el("strong", {}, setup.symbol), direction(setup)),
      el("span", { class: "row soft" }, kindOf(setup), el("span", { class: "whole" }, left(state.system().now, setup.expiresAt))),
    ),
  );
}

const direction = (setup) => el("span", { class: `tag ${setup.direction}` }, setup.direction);

const kindOf = (setup) => {
  const words = setup.source === "manual" ? "by hand" : setup.kind.toLowerCase().replaceAll("_", " ");
  return setup.timeframe ? `${words}, ${setup.timeframe}` : words;
};

export async function choose(id) {
  state.chosen = id;
  state.card = null;
  drawList();
  drawCard();
  const setup = chosen();
  if (setup === null) return;
  // The statistics of a card may take a while; nothing else waits for them.
  loadCard(setup);
  await drawChart(setup);
}

export function step(by) {
  if (!state.setups.length) return;
  const at = state.setups.findIndex((setup) => setup.id === state.chosen);
  const next = state.setups[Math.min(state.setups.length - 1, Math.max(0, at + by))];
  choose(next.id);
  $("setups").querySelector(`[data-setup="${next.id}"]`)?.focus();
}

// -- the chosen one

function drawCard() {
  if (state.chart) dispose(state.chart);
  state.chart = null;
  const setup = chosen();
  if (setup === null) {
    fill($("card"), el("p", { class: "empty" }, "Nothing waits for a decision. The next scan may find something."));
    document.documentElement.dataset.drawn = "nothing";
    return;
  }
  const isApproved = setup.status === "APPROVED";
  fill(
    $("card"),
    el(
      "div",
      { class: "head" },
      el("h3", {}, `${setup.symbol} `, direction(setup)),
      el("span", { class: "soft" }, `setup ${setup.id}, ${kindOf(setup)}, ${left(state.system().now, setup.expiresAt)}`),
      isApproved ? el("span", { class: "tag approved" }, "approved, not traded yet") : null,
    ),
    el("div", { id: "chart", class: "chart", role: "img", "aria-label": chartWords(setup) }),
    el(
      "div",
      { class: "buttons decide" },
      el("button", { id: "reject", type: "button", "aria-keyshortcuts": "r", on: { click: askReject } }, "Reject"),
      el(
        "button",
        { id: "approve", type: "button", class: "primary", "aria-keyshortcuts": "a", on: { click: askApprove } },
        isApproved ? "Trade it" : "Approve and trade",
      ),
    ),
    el("div", { id: "against", role: "status" }),
    el("div", { class: "facts" }, levels(setup), signals(setup), sizing(), statistics()),
  );
}

const chartWords = (setup) =>
  `Candles of ${setup.symbol} with Bollinger bands; entry ${setup.entryPrice}, stop ${setup.stopLoss}, ` +
  `target ${setup.takeProfit1}`;

async function drawChart(setup) {
  let candles;
  try {
    candles = await get(`/api/candles/${setup.symbol}/${setup.timeframe || "60"}?limit=200`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    candles = [];
  }
  const place = $("chart");
  if (chosen()?.id !== setup.id || place === null) return;
  if (state.chart) dispose(state.chart);
  state.chart = null;
  if (!candles.length) {
    fill(place, el("p", { class: "empty" }, "No candles are recorded."));
    document.documentElement.dataset.drawn = "nothing";
    return;
  }
  fill(place);
  state.chart = candleChart(place, candles, [
    { name: "entry", price: Number(setup.entryPrice), kind: "entry" },
    { name: "stop", price: Number(setup.stopLoss), kind: "down" },
    { name: "target", price: Number(setup.takeProfit1), kind: "up" },
    ...(setup.takeProfit2 ? [{ name: "target 2", price: Number(setup.takeProfit2), kind: "up" }] : []),
  ]);
  requestAnimationFrame(() => requestAnimationFrame(() => drawn(setup.id)));
}

// For whoever waits for the picture: tests and measurements.
function drawn(id) {
  if (document.documentElement.dataset.drawn === undefined) performance.mark("drawn");
  document.documentElement.dataset.drawn = id;
}

async function loadCard(setup) {
  let card = null, problem = null;
  try {
    card = await get(`/api/setups/${setup.id}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem = error;
  }
  if (chosen()?.id !== setup.id) return;
  state.card = card;
  const against = problem ? [problem] : card.against;
  fill($("against"), ...against.map((e) => el("p", { class: "problem" }, hintOf(e) ? `${e.message} (${hintOf(e)})` : e.message)));
  $("sizing").replaceWith(sizing());
  $("statistics").replaceWith(statistics());
}

// The hint for the terminal names an option; here it is a question.
const hintOf = (error) =>
  error.code === "price_moved" ? "Approve asks whether to take the present price" : error.hint;

function facts(title, id, rows, note) {
  return el(
    "section",
    { id },
    el("h4", {}, title),
    el("dl", { class: "pairs" }, ...rows.flatMap(([name, value, kind]) => [el("dt", {}, name), el("dd", { class: kind || false }, value)])),
    note ? el("p", { class: "soft" }, note) : null,
  );
}

function levels(setup) {
  const risk = Math.abs(setup.entryPrice - setup.stopLoss);
  const row = (name, price) => [
    name,
    name === "Entry" ? price : `${price}  (${percent(setup.entryPrice, price)}, ${rounded(Math.abs(price - setup.entryPrice) / risk)} R)`,
    { Entry: "entry", Stop: "down" }[name] || "up",
  ];
  return facts("Levels", "levels", [
    row("Entry", setup.entryPrice),
    row("Stop", setup.stopLoss),
    row("Target", setup.takeProfit1),
    ...(setup.takeProfit2 ? [row("Target 2", setup.takeProfit2)] : []),
  ], setup.note);
}

function signals(setup) {
  const words = (type) => type.toLowerCase().replaceAll("_", " ").replace("rsi", "RSI").replace("bb", "band");
  return facts(
    "Signals", "signals", setup.signals.map((signal) => [words(signal.type), rounded(signal.value, 2)]),
    setup.signals.length ? `seen ${time(setup.detectedAt)}` : "Proposed by hand: no signals.",
  );
}

function sizing() {
  const card = state.card;
  if (card === null) return facts("Size now", "sizing", [], "…");
  if (card.sizing === null) return facts("Size now", "sizing", [], "Not to be sized at the moment.");
  const s = card.sizing;
  return facts("Size now", "sizing", [
    ["Quantity", s.qty],
    ["Worth", rounded(s.value)],
    ["At risk", `${rounded(s.risk)} (${rounded(s.riskPercent)} % of equity)`],
    ["Equity", rounded(s.equity)],
    ["Price now", card.quote ? `${card.quote.bid} / ${card.quote.ask}` : "–"],
    ["Moved against it", card.driftR === null ? "–" : `${signed(card.driftR)} R`],
  ], `bound by ${s.limitedBy.replaceAll("_", " ")}`);
}

// What kind of market a band of the regime is.
function market(band) {
  const [name, bound] = band.split(" ");
  const words = { calm: "calm market", trending: "trending market", between: "market neither calm nor trending" };
  return [words[name] ?? "market unknown", bound].filter(Boolean).join(" ");
}

function statistics() {
  const card = state.card;
  if (card === null) return facts("Others like it", "statistics", [], "…");
  const found = card.statistics;
  if (found === null) return facts("Others like it", "statistics", [], "No statistics for a setup by hand.");
  const rate = (tally) => {
    if (tally.hitRate === null) return `${tally.n} ended, too few for a rate`;
    const [low, high] = tally.hitRateInterval.map((x) => Math.round(x * 100));
    return `${Math.round(tally.hitRate * 100)} % won (${low}–${high}), ${signed(tally.expectancyR)} R each, of ${tally.n}`;
  };
  const symbol = chosen()?.symbol || "this pair";
  return facts("Others like it", "statistics", [
    [symbol, rate(found.symbol)],
    [`${found.allSymbols.symbols} symbols`, rate(found.allSymbols)],
  ], `${found.rule}, ${market(found.regimeBand)}`);
}

// -- the decision

export function askApprove() {
  const setup = chosen();
  if (setup === null) return;
  const isLive = state.system().mode === "live";
  const s = state.card?.sizing;
  const verb = setup.direction === "long" ? "Buy" : "Sell short";
  const moved = (state.card?.against ?? []).find((e) => e.code === "price_moved");
  const lines = [
    ...(moved ? [`${moved.message}.`] : []),
    s ? `${verb} ${s.qty} at market, near ${s.price}, worth ${rounded(s.value)}. At risk: ${rounded(s.risk)}.`
      : `${verb} at market, at the size that your limits allow.`,
    `Stop ${setup.stopLoss}, target ${setup.takeProfit1}.`,
  ];
  ask({
    title: `${isLive ? "REAL MONEY: approve" : "Approve"} ${setup.symbol} ${setup.direction}?`,
    lines,
    fields: [
      ...(isLive ? [{ name: "confirm", label: `Type ${setup.symbol} to confirm`, wanted: setup.symbol, required: true }] : []),
      ...(moved ? [{ name: "accept", label: "Type accept to take the present price", wanted: "accept", required: true }] : []),
      { name: "note", label: "Note (optional)" },
    ],
    verb: isLive ? "Approve with real money" : "Approve and trade",
    kind: isLive ? "danger" : "primary",
    act: async ({ accept, ...values }) => {
      const done = await post(`/api/setups/${setup.id}/approve`, { ...values, acceptPrice: accept !== undefined });
      if (done.error) toast(`${done.error.message}${done.error.hint ? ` (${done.error.hint})` : ""}`, "bad");
      if (done.success) toast(`${setup.symbol}: trade ${done.tradeId} is open`, "good");
      state.changed();
    },
  });
}

export function askReject() {
  const setup = chosen();
  if (setup === null) return;
  ask({
    title: `Reject ${setup.symbol} ${setup.direction}?`,
    fields: [{ name: "reason", label: "Why? It is kept.", required: true }],
    verb: "Reject",
    act: async (values) => {
      await post(`/api/setups/${setup.id}/reject`, values);
      toast(`${setup.symbol}: setup ${setup.id} is rejected`);
      state.changed();
    },
  });
}
