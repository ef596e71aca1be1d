// Questions. One at a time, answered with the keyboard as well as with a finger.

import { $, el, fill } from "./dom.js";
import { Refused } from "./api.js";

// Ask, and do it: `act` gets the values of the fields; what it refuses is shown, and the question stays.
// Each field: {name, label, required, wanted}; `wanted` is a text that must be typed.
export function ask({ title, lines = [], fields = [], verb, kind = "primary", act }) {
  const dialog = $("dialog");
  if (dialog.open) return;
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const inputs = fields.map((field, n) =>
    el("input", {
      id: `field-${n}`, name: field.name, maxlength: 500, autocomplete: "off", required: Boolean(field.required),
      autocapitalize: field.wanted ? "characters" : false, spellcheck: field.wanted ? "false" : false,
    }),
  );
  const go = el("button", { type: "submit", class: kind }, verb);
  const cancel = el("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const isReady = () =>
    fields.every((field, n) => {
      const value = inputs[n].value.trim();
      if (field.wanted) return value.toUpperCase() === field.wanted.toUpperCase();
      return !field.required || value !== "";
    });
  const check = () => (go.disabled = !isReady());
  inputs.forEach((input) => input.addEventListener("input", check));
  const submit = async (event) => {
    event.preventDefault();
    if (!isReady()) return;
    go.disabled = cancel.disabled = true;
    go.setAttribute("aria-busy", "true");
    try {
      await act(Object.fromEntries(fields.map((field, n) => [field.name, inputs[n].value.trim()])));
      dialog.close();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem.textContent = error.hint ? `${error.message} (${error.hint})` : error.message;
      problem.hidden = false;
      cancel.textContent = "Close";
    } finally {
      cancel.disabled = false;
      go.removeAttribute("aria-busy");
      check();
    }
  };
  fill(
    dialog,
    el(
      "form",
      { on: { submit } },
      el("h2", { id: "dialog-title" }, title),
      ...lines.map((line) => el("p", {}, line)),
      ...fields.flatMap((field, n) => [el("label", { for: `field-${n}` }, field.label), inputs[n]]),
      problem,
      el("div", { class: "buttons" }, cancel, go),
    ),
  );
  check();
  dialog.showModal();
  (inputs[0] || go).focus();
}

export function tell(title, ...content) {
  const dialog = $("dialog");
  if (dialog.open) return;
  const close = el("button", { type: "button", class: "primary", on: { click: () => dialog.close() } }, "Close");
  fill(dialog, el("h2", { id: "dialog-title" }, title), ...content, el("div", { class: "buttons" }, close));
  dialog.showModal();
  close.focus();
}
