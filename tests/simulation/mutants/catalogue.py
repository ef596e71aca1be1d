"""Every mutant, under the promise of docs/guarantees.md that it breaks (the promise's exact words)."""

from tests.simulation.mutants.braked import BRAKED
from tests.simulation.mutants.held import PROTECTED
from tests.simulation.mutants.kept import EDITS_SHOW, OWN_ACCOUNT, SECRETS_KEPT
from tests.simulation.mutants.let_in import LET_IN
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.once import ONE_ENTRY, PROVED_ABSENCE
from tests.simulation.mutants.sold import SOLD_ONCE
from tests.simulation.mutants.told import BOOKS_EQUAL, TRUE_CODES
from tests.simulation.mutants.watched import ACTED_ONCE, MESSAGES

PROMISES: dict[str, tuple[Mutant, ...]] = {
    "At most one entry per approved setup is ever accepted.": ONE_ENTRY,
    "Absence is proved, never assumed.": PROVED_ABSENCE,
    "At most the held quantity is sold, and nothing that botbox did not buy.": SOLD_ONCE,
    "A position is flat, or protected by a stop on the exchange that botbox has read back.": PROTECTED,
    "The books equal the exchange's executions, to the last digit.": BOOKS_EQUAL,
    "Every command tells the truth with its exit code.": TRUE_CODES,
    "A brake holds at the moment when the entry is saved.": BRAKED,
    "No command sees or moves another account.": OWN_ACCOUNT,
    "Nobody decides over the page or by a link who was not let in.": LET_IN,
    "A price that crosses a target is acted on once, by one watch.": ACTED_ONCE,
    "What happens is told, and a channel that fails holds up no other.": MESSAGES,
    "An edit of the log or of the fills shows.": EDITS_SHOW,
    "No secret is shown.": SECRETS_KEPT,
}

MUTANTS: tuple[Mutant, ...] = tuple(mutant for group in PROMISES.values() for mutant in group)
