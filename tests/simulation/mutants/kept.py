"""Mutants of what is kept: the accounts apart, the log as it was written, the secrets."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    AUDIT,
    CHANNEL,
    CODES,
    LOGIN,
    STATEMENTS,
    T_BOOKS,
    T_CHAIN,
    T_CHANNEL,
    T_CODES,
    T_CONSOLE,
    T_LIVE,
    T_SERVE,
    UNKEPT,
)

OWN_ACCOUNT = (
    Mutant(
        "read-every-account",
        "the books show the rows of all accounts",
        (
            Edit(
                STATEMENTS,
                "    return select(*columns).where(table.c.account_id == ACCOUNT)",
                "    return select(*columns).where(ACCOUNT == ACCOUNT)",
            ),
            UNKEPT,
        ),
        (
            f"{T_BOOKS}::test_books_of_another_account_do_not_exist",
            f"{T_LIVE}::test_accounts_never_see_each_other",
        ),
        in_days=False,
    ),
    Mutant(
        "change-every-account",
        "a row of another account can be moved by its number",
        (
            Edit(
                STATEMENTS,
                "    return update(key.table).where(key == KEY, key.table.c.account_id == ACCOUNT)",
                "    return update(key.table).where(key == KEY, ACCOUNT == ACCOUNT)",
            ),
            UNKEPT,
        ),
        (f"{T_BOOKS}::test_books_of_another_account_do_not_exist",),
        in_days=False,
    ),
    Mutant(
        "armed-for-anyone",
        "BOTBOX_ARM_LIVE of another account arms this one",
        (Edit("bootstrap.py", "    if user_id != settings.arm_live:\n", "    if not user_id:\n"),),
        (f"{T_LIVE}::test_another_account_than_the_armed_one_is_refused",),
        in_days=False,
    ),
    Mutant(
        "live-unarmed",
        "a live account needs no BOTBOX_ARM_LIVE",
        (
            Edit(
                "bootstrap.py",
                "    return settings.mode is not Mode.LIVE or settings.arm_live is not None\n",
                "    return True\n",
            ),
            Edit(
                "bootstrap.py",
                "    if user_id != settings.arm_live:\n",
                "    if settings.arm_live and user_id != settings.arm_live:\n",
            ),
        ),
        (f"{T_LIVE}::test_no_command_moves_money_of_an_account_that_is_not_armed",),
        in_days=False,
    ),
)

EDITS_SHOW = (
    Mutant(
        "hash-without-the-past",
        "an entry's hash does not follow from the one before",
        (
            Edit(
                "ports/books.py",
                "        facts = [before, at, self.event, self.detail, self.trade_id, self.setup_id, self.data]\n",
                "        facts = [at, self.event, self.detail, self.trade_id, self.setup_id, self.data]\n",
            ),
        ),
        (
            f"{T_CHAIN}::test_edit_with_a_hash_that_fits_shows_at_the_entry_behind_it",
            f"{T_CHAIN}::test_deletion_is_named_by_the_entry_behind_it",
        ),
        in_days=False,
    ),
    Mutant(
        "hash-without-the-facts",
        "what was decided on can be edited without a trace",
        (
            Edit(
                "ports/books.py",
                "        facts = [before, at, self.event, self.detail, self.trade_id, self.setup_id, self.data]\n",
                "        facts = [before, at, self.event, self.trade_id, self.setup_id]\n",
            ),
        ),
        (f"{T_CHAIN}::test_edited_entry_is_named",),
        in_days=False,
    ),
    Mutant(
        "cut-without-a-trace",
        "the newest entries can be deleted without a trace",
        (
            Edit(
                AUDIT,
                "        if stored == head.count and newest == head.hash:\n",
                "        if stored <= head.count:\n",
            ),
        ),
        (f"{T_CHAIN}::test_deletion_at_the_end_shows",),
        in_days=False,
    ),
    Mutant(
        "fills-not-compared",
        "a fill that was edited in the books passes for the logged one",
        (
            Edit(
                AUDIT,
                "            if found.get(name) != value:\n",
                "            if name not in found:\n",
            ),
        ),
        (f"{T_CHAIN}::test_edited_fill_is_told_from_the_log",),
        in_days=False,
    ),
)

SECRETS_KEPT = (
    Mutant(
        "secrets-in-errors",
        "the exchange's text is taken over with the key in it",
        (
            Edit(
                CODES,
                '            text = text.replace(secret, "…")\n',
                "            text = text.replace(secret, secret)\n",
            ),
        ),
        (T_CODES,),
        in_days=False,
    ),
    Mutant(
        "secrets-on-the-terminal",
        "what a command writes is not searched for secrets",
        (
            Edit(
                "cli/console.py",
                '            text = text.replace(secret, "***")\n',
                "            text = text.replace(secret, secret)\n",
            ),
        ),
        (f"{T_CONSOLE}::test_secrets_are_blotted_out_wherever_text_is_written",),
        in_days=False,
    ),
    Mutant(
        "secrets-in-the-cause",
        "the exchange's own error stays the cause of ours with the key in it",
        (Edit(CODES, "    _scrub_in_place(error, secrets)\n", ""),),
        (T_CODES,),
        in_days=False,
    ),
    Mutant(
        "token-in-the-clear",
        "the login token and the sessions' secrets are stored as they are",
        (Edit(LOGIN, "    return hashlib.sha256(secret.encode()).hexdigest()\n", "    return secret\n"),),
        (f"{T_SERVE}::test_new_token_is_printed_once_and_stored_as_a_hash",),
        in_days=False,
    ),
    Mutant(
        "address-in-the-error",
        "a channel that fails is named with its address, which most often holds a token",
        (
            Edit(
                CHANNEL,
                'f"{self._what} of BOTBOX_NOTIFY did not',
                'f"{self._service.url(privacy=False)} of BOTBOX_NOTIFY did not',
            ),
        ),
        (f"{T_CHANNEL}::test_a_refused_message_raises_without_the_address",),
        in_days=False,
    ),
)
