"""One HTML file that needs nothing else: TradingView's Lightweight Charts is inside, and no request may leave it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from botbox_cli.errors import UsageError

DATA = Path(__file__).resolve().parents[1] / "data"
LIBRARY = "lightweight-charts-5.2.1.js"
LICENSE = "lightweight-charts.LICENSE"
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: light-dark(#5c5c5c, #a8a8a8); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; }
body { overflow-wrap: break-word; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; }
.chart { height: 320px; margin: .5rem 0; } .note { color: var(--soft); } footer { margin-top: 3rem; font-size: .8rem; }
.scroll { overflow-x: auto; } .scroll th, .scroll td { white-space: nowrap; }
.told { width: 100%; } .told td { text-align: left; vertical-align: top; overflow-wrap: anywhere; }
.told td:first-child { width: 12rem; }
@media (max-width: 600px) {
  .told td { display: block; border: 0; padding-right: 0; } .told td:first-child { width: auto; color: var(--soft); }
  .told td:last-child { border-bottom: 1px solid var(--line); }
}
"""


def page(title: str, body: str, data: Mapping[str, Any], script: str) -> str:
    """Return a whole document. `script` finds `data` as `DATA` and the library as `LightweightCharts`."""
    library = (DATA / LIBRARY).read_text("utf-8")
    # Inside a script element, "</" would end it.
    spelled = json.dumps(data, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
<footer class="note">Charts: TradingView Lightweight Charts™, Copyright TradingView, Inc., Apache License 2.0.</footer>
<script>{library}</script>
<script>const DATA = {spelled};
{script}</script>
</body>
</html>
"""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    head = "".join(f"<th>{escape(h)}</th>" for h in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Return facts by name, as a table whose texts may be long."""
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows)
    return f'<table class="told"><tbody>{body}</tbody></table>'


def save(path: Path, text: str, option: str) -> None:
    """Write a file that the person asked for. Raises UsageError where that can't be."""
    try:
        path.write_text(text, "utf-8")
    except OSError as e:
        raise UsageError(
            f"{option} {path} can't be written: {e.strerror}", "name a file in a directory that exists"
        ) from e
