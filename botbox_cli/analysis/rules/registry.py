"""The rules there are: the design's own, and those that installed packages offer as entry points `botbox.rules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.rule import Rule
from botbox_cli.errors import ConfigError, NotFound, UsageError

GROUP = "botbox.rules"
DEFAULT_RULE = "bb-mean-reversion"
RuleType = Callable[..., Rule]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a rule: `kind` is int, float, bool or str."""

    name: str
    kind: type
    default: Any


@dataclass(frozen=True, slots=True)
class Known:
    """A rule that can be used."""

    name: str
    id: str
    type: RuleType
    parameters: tuple[Parameter, ...]
    about: str
    origin: str
    """The package that brings it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry point that can't be used, and why."""

    name: str
    origin: str
    fault: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules by name, and the entry points that failed: each is named, none keeps the others from working."""

    known: Mapping[str, Known]
    broken: tuple[Broken, ...]


def rules() -> Rules:
    """Return every rule that is installed."""
    own = known_of(DEFAULT_RULE, BbMeanReversion, "botbox")
    known, broken = {own.name: own}, []
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        found = _loaded(point)
        if isinstance(found, Known) and found.name in known:
            found = Broken(point.name, _origin(point), f"a rule {found.id} is there already")
        if isinstance(found, Broken):
            broken.append(found)
        else:
            known[found.name] = found
    return Rules(known, tuple(broken))


def _loaded(point: EntryPoint) -> Known | Broken:
    try:
        return known_of(point.name, point.load(), _origin(point))
    except Exception as e:  # noqa: BLE001  # Foreign code: whatever it raises, the other rules go on.
        return Broken(point.name, _origin(point), f"{type(e).__name__}: {e}")


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def known_of(name: str, type_: Any, origin: str) -> Known:
    """Return what is to be known of a rule's class. Raises TypeError for what is no rule."""
    if not (isinstance(type_, type) and is_dataclass(type_)):
        raise TypeError("a rule is a dataclass")
    lacking = [a for a in ("id", "lookback", "ranging_only", "find", "figures") if not hasattr(type_, a)]
    if lacking:
        raise TypeError(f"the rule has no {', '.join(lacking)}")
    id_: str = type_.id  # type: ignore[attr-defined]
    if id_.partition("@")[0] != name or not id_.partition("@")[2].isdigit():
        raise TypeError(f"the id {id_!r} is not {name}@ and a version number")
    parameters = tuple(_parameter(f) for f in fields(type_))
    about = (type_.__doc__ or "").strip().partition("\n")[0]
    return Known(name, id_, cast("RuleType", type_), parameters, about, origin)


def _parameter(field: Field[Any]) -> Parameter:
    if field.default is MISSING or type(field.default) not in (int, float, bool, str):
        raise TypeError(f"parameter {field.name} has no plain default")
    return Parameter(field.name, type(field.default), field.default)


def known_rule(name: str) -> Known:
    """Return the rule of a name or an id such as `bb-mean-reversion@1`.

    Raises:
        NotFound: If there is none, with the nearest.
        ConfigError: If its package is broken.
    """
    wanted = name.strip()
    if wanted in (DEFAULT_RULE, BbMeanReversion.id):
        return known_of(DEFAULT_RULE, BbMeanReversion, "botbox")  # without a look at every installed package
    all_rules = rules()
    stem = wanted.partition("@")[0]
    for broken in all_rules.broken:
        if broken.name == stem and stem not in all_rules.known:
            raise ConfigError(
                f"rule {broken.name} of package {broken.origin} is broken: {broken.fault}",
                f"repair or remove {broken.origin}; `botbox rules` lists the others",
                code="broken_rule",
            )
    found = all_rules.known.get(stem)
    if found is None or (wanted not in (stem, found.id)):
        ids = [k.id for k in all_rules.known.values()]
        near = get_close_matches(wanted, [*all_rules.known, *ids], n=1, cutoff=0.4) or [", ".join(ids)]
        raise NotFound(f"no such rule: {wanted!r}", f"did you mean {near[0]}? `botbox rules` lists them")
    return found


def parameter_of(known: Known, name: str) -> Parameter:
    """Return a parameter of a rule. Raises UsageError, with the nearest."""
    for parameter in known.parameters:
        if parameter.name == name.strip():
            return parameter
    names = [p.name for p in known.parameters]
    near = get_close_matches(name.strip(), names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names) or 'none'}"
    raise UsageError(f"{known.id} has no parameter {name.strip()!r}", hint)


def value_of(parameter: Parameter, text: str) -> Any:
    """Return the value that `text` spells. Raises UsageError."""
    word = text.strip()
    try:
        if parameter.kind is bool:
            return {"true": True, "false": False}[word.lower()]
        value = parameter.kind(word)
        if parameter.kind is float and not -1e300 < value < 1e300:
            raise ValueError(word)
    except (ValueError, KeyError):
        example = str(parameter.default)
        raise UsageError(
            f"{parameter.name} can't be {word!r}", f"write it like {parameter.name}={example}"
        ) from None
    return value


def configured(known: Known, values: Mapping[str, Any]) -> Rule:
    """Return the rule with these parameters, the others at their defaults."""
    return known.type(**values)


def parse_identity(text: str) -> Rule:
    """Return the rule that an identity names. Raises as `known_rule`, `parameter_of` and `value_of` do."""
    id_, _, rest = text.partition("(")
    known = known_rule(id_)
    values = {}
    for pair in filter(None, rest.removesuffix(")").split(",")):
        name, _, value = pair.partition("=")
        parameter = parameter_of(known, name)
        values[parameter.name] = value_of(parameter, value)
    return configured(known, values)
