"""A session in pybit's place that answers from a script and remembers what it was asked."""

from collections.abc import Callable
from typing import Any, cast

from pybit.exceptions import InvalidRequestError

from botbox_cli.exchange.session import Session

Answer = dict[str, Any] | Exception


def refusal(code: int, text: str = "no", **headers: str) -> Exception:
    """Return the exception that pybit raises for one of Bybit's codes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    refused: Exception = InvalidRequestError("GET https://host: ", text, code, "10:00:00", named)
    return refused


class ScriptedSession:
    """Gives each method's answers in turn (a tuple), or the only one; the last one again and again."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: list(a) if isinstance(a, tuple) else [a] for name, a in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.waits: list[float] = []

    def wait_at_most(self, seconds: float) -> None:
        self.waits.append(seconds)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self._answers:
            raise AssertionError(f"{name} was not to be asked")

        def ask(**params: Any) -> Any:
            self.asked.append((name, params))
            answers = self._answers[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask

    def as_session(self) -> Session:
        return cast("Session", self)

    def params(self, name: str) -> list[dict[str, Any]]:
        """Return what each call of one method was given."""
        return [params for asked, params in self.asked if asked == name]
