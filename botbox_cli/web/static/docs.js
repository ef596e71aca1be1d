// The OpenAPI document as a page.

import { $, el } from "./dom.js";
import { get } from "./api.js";

const api = await get("/openapi.json");
const nameOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `${nameOf(schema.items)}[]`;
  if (schema.anyOf) return schema.anyOf.map(nameOf).join(" or ");
  return schema.type || "";
};
const bodyOf = (part) => nameOf(part?.content?.["application/json"]?.schema);
const rows = (items) =>
  el("dl", { class: "pairs" }, ...items.flatMap(([name, text]) => [el("dt", {}, el("code", {}, name)), el("dd", {}, text)]));

for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, what] of Object.entries(methods)) {
    const parameters = (what.parameters || []).map((p) => [p.name, `${p.in}, ${nameOf(p.schema)}${p.required ? "" : ", optional"}`]);
    $("paths").append(
      el("h2", {}, el("code", {}, `${method.toUpperCase()} ${path}`)),
      el("div", { class: "card" }, el("p", {}, what.description || ""), rows([
        ...parameters,
        ...(what.requestBody ? [["body", bodyOf(what.requestBody)]] : []),
        ["200", bodyOf(what.responses["200"]) || "see the description"],
      ])),
    );
  }
}
$("paths").append(el("h2", {}, "Shapes"));
for (const [name, schema] of Object.entries(api.components.schemas)) {
  const fields = Object.entries(schema.properties || {}).map(([field, of]) => [field, nameOf(of) || JSON.stringify(of.const ?? "")]);
  $("paths").append(el("h3", { id: name }, name), el("div", { class: "card" }, rows(fields)));
}
