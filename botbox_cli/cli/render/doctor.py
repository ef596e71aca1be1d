"""The doctor's findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console

if TYPE_CHECKING:
    from botbox_cli.services.doctor import Finding

_FINDINGS = (Column("check"), Column("status"), Column("detail"), Column("remedy"))
_MARKS = {"ok": ("✓", "ok", "32"), "warning": ("!", "!", "33"), "failed": ("✗", "NO", "31;1")}


def findings_report(console: Console, findings: Iterable[Finding]) -> None:
    """Write one line a finding and, below it, its remedy."""
    if console.width is None:
        console.table(_FINDINGS, [(f.check, str(f.status), f.detail, f.remedy) for f in findings])
        return
    for finding in findings:
        sign, word, colour = _MARKS[finding.status]
        mark = sign if console.is_unicode else word
        console.write_marked(mark, colour, f"{finding.check}: {finding.detail}")
        if finding.remedy:
            console.write(f"  {finding.remedy}")
