"""Lines for cron and units for systemd that run botbox on this machine. Pure text; nothing is installed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

HARDENING = """\
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
"""
"""Only what a user's own systemd can enforce everywhere."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where botbox lies on this machine; every path is absolute.

    `folder` is where it works, which a relative DATABASE_URL depends on; `timeout` is the program that ends a pass
    which hangs, or None.
    """

    program: tuple[str, ...]
    env_file: Path
    folder: Path
    backups: Path
    log: Path
    path: str
    user: str
    timeout: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One command of botbox that is run again and again. `cron`, `calendar`: when, in the words of either scheduler."""

    name: str
    about: str
    arguments: tuple[str, ...]
    cron: str
    calendar: str
    minutes: int
    """A pass that takes longer hangs."""


def tasks(machine: Machine) -> tuple[Task, ...]:
    """Return what has to be run."""
    keep = ("db", "backup", f"{machine.backups}/", "--keep", "14")
    return (
        Task(
            "monitor",
            "settle, keep stops in place, take profits",
            ("monitor", "--once"),
            "* * * * *",
            "*:*:00",
            5,
        ),
        Task("run", "record, scan, monitor", ("run", "--once"), "*/5 * * * *", "*:0/5:20", 30),
        Task(
            "doctor", "silent while all is well", ("doctor", "--quiet"), "7,22,37,52 * * * *", "*:7/15:40", 5
        ),
        Task("backup", "a verified copy of the books, 14 are kept", keep, "23 3 * * *", "*-*-* 03:23:00", 60),
    )


def crontab(machine: Machine) -> str:
    """Return lines for `crontab -e`.

    Only the doctor's words are mailed; everything else goes to the log.
    """
    lines = [
        "# botbox: put these lines into `crontab -e`. Passes that overlap do no harm: leases keep them apart.",
        f"# Keep {machine.log} small with logrotate:",
        f"#   {machine.log} {{ weekly rotate 8 compress missingok notifempty copytruncate }}",
        "SHELL=/bin/sh",
        f"PATH={machine.path}",
        "TZ=UTC",
        f"MAILTO={machine.user}",
    ]
    for task in tasks(machine):
        limit = () if machine.timeout is None else (machine.timeout, f"{task.minutes}m")
        command = shlex.join((*limit, *_command(machine, task.arguments)))
        kept = "" if task.name == "doctor" else f" >> {shlex.quote(str(machine.log))} 2>&1"
        text = f"cd {shlex.quote(str(machine.folder))} && {command}{kept}"
        # cron takes a bare % for the end of the command.
        lines += [f"# {task.name}: {task.about}", f"{task.cron} {text.replace('%', chr(92) + '%')}"]
    return "\n".join(lines) + "\n"


def units(machine: Machine, *, serve: bool) -> dict[str, str]:
    """Return units for a user's systemd, by the names of their files."""
    files = {
        "botbox-watch.service": _service(
            machine, "the live desk without a screen", ("watch", "--yes"), is_lasting=True, minutes=0
        )
    }
    if serve:
        files["botbox-serve.service"] = _service(
            machine, "page and HTTP API on loopback", ("serve",), is_lasting=True, minutes=0
        )
    for task in tasks(machine):
        files[f"botbox-{task.name}.service"] = _service(
            machine, task.about, task.arguments, is_lasting=False, minutes=task.minutes
        )
        files[f"botbox-{task.name}.timer"] = (
            f"[Unit]\nDescription=botbox {task.name}: {task.about}\n\n"
            f"[Timer]\nOnCalendar={task.calendar}\nAccuracySec=1s\nPersistent=yes\n\n"
            "[Install]\nWantedBy=timers.target\n"
        )
    return files


def how_to_enable(files: dict[str, str]) -> tuple[str, ...]:
    """Return what has to be typed once the unit files are in place."""
    own = {name for name in files if name.endswith(".timer")}
    own |= {n for n in files if n.endswith(".service") and n.replace(".service", ".timer") not in files}
    return (
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {' '.join(sorted(own))}",
        "loginctl enable-linger   # so that they run while nobody is logged in",
    )


def _command(machine: Machine, arguments: tuple[str, ...]) -> tuple[str, ...]:
    return (*machine.program, *arguments, "--env-file", str(machine.env_file))


def _service(
    machine: Machine, about: str, arguments: tuple[str, ...], *, is_lasting: bool, minutes: int
) -> str:
    parts = _command(machine, arguments)
    if set(parts[0]) & set("'\"\\$"):
        parts = ("/usr/bin/env", *parts)  # systemd takes these in arguments, but in no program's name
    command = " ".join(_quoted(part) for part in parts)
    how = (
        "Type=exec\nRestart=always\nRestartSec=10\n"
        if is_lasting
        else f"Type=oneshot\nTimeoutStartSec={minutes}min\n"
    )
    limits = "StartLimitIntervalSec=0\n" if is_lasting else ""
    install = "\n[Install]\nWantedBy=default.target\n" if is_lasting else ""
    return (
        f"[Unit]\nDescription=botbox {arguments[0]}: {about}\n{limits}\n"
        f"[Service]\n{how}"
        f"WorkingDirectory={_percent(str(machine.folder))}\n"
        f"Environment={_quoted(f'PATH={machine.path}')} TZ=UTC\n"
        f"ExecStart={command}\n"
        # As Ctrl-C: what is under way is left in order.
        "KillSignal=SIGINT\nSuccessExitStatus=130\nTimeoutStopSec=40\n"
        f"{HARDENING}{install}"
    )


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """Return one word as systemd reads it: no specifier, no variable, and blanks kept."""
    text = _percent(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"' if any(c in text for c in " \t'\"\\;$") else text
