// Elements and texts. Nothing is ever parsed as HTML: texts of others stay texts.

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const fill = (element, ...children) => element.replaceChildren(...children.filter((c) => c !== null));

// -- how values are shown. Amounts come as texts and are only cut, never computed with, where they are money.

export function rounded(text, digits = 2) {
  if (text === null || text === undefined) return "–";
  return Number(text).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// Prices are written without groups, as the exchange writes them; an average of fills with eight digits, as the terminal does.
export const price = (text) =>
  text === null || text === undefined
    ? "–"
    : Number(text).toLocaleString("en", { useGrouping: false, maximumSignificantDigits: 8 });

export function signed(text, digits = 2) {
  if (text === null || text === undefined) return "–";
  const value = Number(Number(text).toFixed(digits));
  return (value > 0 ? "+" : value < 0 ? "−" : "") + rounded(Math.abs(value), digits);
}

export const gain = (value) => (Number(value) >= 0.005 ? "up" : Number(value) <= -0.005 ? "down" : "");

export const percent = (from, to) => `${signed(((Number(to) - Number(from)) / Number(from)) * 100)} %`;

export function time(text) {
  if (!text) return "–";
  return new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }) + " UTC";
}

export function ago(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
}

export function left(from, until) {
  const seconds = (new Date(until) - new Date(from)) / 1000;
  if (seconds <= 0) return "expired";
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min left` : `${Math.round(seconds / 3600)} h left`;
}

// What is said already is not said again beside it.
export function toast(text, kind = "") {
  if ([...$("toasts").children].some((shown) => shown.textContent === text)) return;
  const shown = el("p", { class: `toast ${kind}` }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 15000 : 6000);
}
