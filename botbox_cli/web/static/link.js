// The page of a one-time link: says what the link would do, and does it when the button is pressed.

const token = location.pathname.split("/").pop();
const at = (id) => document.getElementById(id);
const words = { approve: "Approve and trade", reject: "Reject" };

async function ask(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", ...options });
  const body = await response.json();
  if (!response.ok) throw new Error([body.error.message, body.error.hint].filter(Boolean).join("; "));
  return body;
}

function row(name, value) {
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  at("facts").append(term, text);
}

function show(offer) {
  const { setup, sizing } = offer;
  at("title").textContent = `${words[offer.action]}: ${setup.symbol} ${setup.direction}?`;
  at("mode").textContent = offer.mode;
  at("mode").className = offer.mode;
  at("mode").hidden = false;
  row("setup", `${setup.id}, ${setup.kind}`);
  row("entry", setup.entryPrice);
  row("stop", setup.stopLoss);
  row("target", [setup.takeProfit1, setup.takeProfit2].filter(Boolean).join(", "));
  if (sizing) row("size now", `${sizing.qty} for ${sizing.value}, risk ${sizing.risk}`);
  row("expires", new Date(setup.expiresAt).toLocaleString());
  for (const reason of offer.action === "approve" ? offer.against : []) {
    const item = document.createElement("li");
    item.textContent = reason;
    at("against").append(item);
  }
  at("symbol").textContent = setup.symbol;
  at("confirm").hidden = !(offer.mode === "live" && offer.action === "approve");
  at("go").textContent = words[offer.action];
  at("go").className = offer.action;
  at("form").hidden = false;
  at("go").focus();
}

async function decide(event) {
  event.preventDefault();
  at("go").disabled = true;
  at("said").textContent = "Under way …";
  try {
    const { csrf } = await ask("/api/session");
    const done = await ask(`/api/links/${token}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify({ confirm: at("form").elements.confirm.value || null }),
    });
    at("form").hidden = true;
    at("said").textContent =
      done.action === "approve"
        ? `Setup ${done.setupId} is approved: trade ${done.tradeId} is open, its stop rests on the exchange.`
        : `Setup ${done.setupId} is rejected.`;
  } catch (error) {
    at("go").disabled = false;
    at("said").textContent = error.message;
  }
}

at("form").addEventListener("submit", decide);
try {
  show(await ask(`/api/links/${token}`));
} catch (error) {
  at("title").textContent = "This link can't be used";
  at("said").textContent = error.message;
}
