"""Mutants of "nobody decides over the page or by a link who was not let in". The simulation has neither."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    GUARD,
    LINKS,
    LOGIN,
    OFFICE,
    T_GUARD,
    T_LINKS,
    T_ON_PAGE,
)

LET_IN = (
    Mutant(
        "no-login-needed",
        "the page's API shows and decides without a login",
        (
            Edit(
                GUARD,
                '        if problem is not None and not self._is_among(self._public, scope["path"]):\n',
                "        if problem is not None and not secret.isascii():\n",
            ),
        ),
        (
            f"{T_GUARD}::test_without_a_login_nothing_is_done",
            f"{T_GUARD}::test_without_a_login_nothing_is_shown",
        ),
        in_days=False,
    ),
    Mutant(
        "any-token",
        "a token is taken without being compared with the stored one",
        (Edit(LOGIN, " and hmac.compare_digest(digest_of(token), expected)\n", "\n"),),
        (f"{T_GUARD}::test_wrong_token_is_refused",),
        in_days=False,
    ),
    Mutant(
        "guess-on",
        "wrong tokens may be tried without an end",
        (
            Edit(
                LOGIN,
                "        if mine < FAILURES_OF_CLIENT and of_all < FAILURES_OF_ALL:\n",
                "        if mine >= 0 and of_all >= 0:\n",
            ),
        ),
        (f"{T_GUARD}::test_guessing_ends_after_some_tries_and_begins_anew_later",),
        in_days=False,
    ),
    Mutant(
        "bearer-remembered-as-right",
        "a bearer token is remembered before it was found right",
        (
            Edit(
                GUARD,
                "        self._office.door.check_token(token.strip(), client)\n"
                "        self._office.remembered.put(stamp, key, True)\n",
                "        self._office.remembered.put(stamp, key, True)\n"
                "        self._office.door.check_token(token.strip(), client)\n",
            ),
        ),
        (f"{T_GUARD}::test_bearer_that_was_refused_is_not_taken_the_next_time",),
        in_days=False,
    ),
    Mutant(
        "session-for-ever",
        "a session never ends by itself",
        (
            Edit(
                LOGIN,
                "        if found.expires_at <= self._clock.now():\n",
                "        if found.expires_at <= found.created_at:\n",
            ),
        ),
        (f"{T_GUARD}::test_session_expires",),
        in_days=False,
    ),
    Mutant(
        "expiry-not-looked-at",
        "a session that was looked up once is good until the database changes",
        (
            Edit(
                GUARD,
                "        if found is None or found.expires_at <= self._office.wall.now():\n",
                "        if found is None:\n",
            ),
        ),
        (f"{T_GUARD}::test_session_expires",),
        in_days=False,
    ),
    Mutant(
        "no-proof-needed",
        "what changes something needs no proof that a page of this server sent it",
        (
            Edit(
                LOGIN,
                "        if not secret or not hmac.compare_digest(self.proof(secret).encode(), proof.encode()):\n",
                "        if not secret:\n",
            ),
        ),
        (
            f"{T_GUARD}::test_post_without_proof_is_refused",
            f"{T_GUARD}::test_proof_from_before_the_login_is_worth_nothing_after",
        ),
        in_days=False,
    ),
    Mutant(
        "one-proof-for-all",
        "the proof of one session is good for another",
        (
            Edit(
                LOGIN,
                '        return hmac.new(key, b"csrf " + secret.encode(),',
                '        return hmac.new(key, b"csrf ",',
            ),
        ),
        (f"{T_GUARD}::test_proof_of_another_session_is_worth_nothing",),
        in_days=False,
    ),
    Mutant(
        "any-site",
        "another site's page may send what changes something",
        (Edit(GUARD, "        if is_foreign:\n", "        if is_foreign and origin == scheme:\n"),),
        (
            f"{T_GUARD}::test_post_of_another_site_is_refused_even_with_the_proof",
            f"{T_GUARD}::test_another_site_may_not_even_ask",
        ),
        in_days=False,
    ),
    Mutant(
        "any-host",
        "the server answers to whatever name was made to point at it",
        (
            Edit(
                GUARD,
                '        if not self._office.place.allows(headers.get("host", "")):\n',
                '        if "host" not in headers:\n',
            ),
        ),
        (f"{T_GUARD}::test_forged_host_is_refused",),
        in_days=False,
    ),
    Mutant(
        "client-of-its-own-word",
        "behind a proxy a client says itself which address its wrong tokens are counted by",
        (
            Edit(
                GUARD,
                'headers.get("x-forwarded-for", "").rpartition(",")[2].strip()',
                'headers.get("x-forwarded-for", "").partition(",")[0].strip()',
            ),
        ),
        (f"{T_GUARD}::test_behind_a_proxy_its_own_word_counts_the_clients",),
        in_days=False,
    ),
    Mutant(
        "real-money-on-a-click",
        "in live mode the page trades without the symbol typed out",
        (
            Edit(
                OFFICE,
                '        if self.is_live and (confirmation or "").strip().upper() != wanted.upper():\n',
                '        if self.is_live and wanted == "":\n',
            ),
        ),
        (f"{T_ON_PAGE}::test_without_the_symbol_typed_out_nothing_is_sent",),
        in_days=False,
    ),
    Mutant(
        "link-used-twice",
        "a one-time link is not remembered as used",
        (
            Edit(
                LINKS,
                "        _remember(books, used | {link.nonce: to_ms(link.expires_at)})\n",
                "        _remember(books, used)\n",
            ),
        ),
        (f"{T_LINKS}::test_a_link_works_once",),
        in_days=False,
    ),
    Mutant(
        "link-freed-after-the-trade",
        "a link is good again although its decision has moved the setup before it failed",
        (
            Edit(
                LINKS,
                "            if books.setup(link.setup_id).status is SetupStatus.ACTIVE:\n",
                "            if books.setup(link.setup_id).id == link.setup_id:\n",
            ),
            Edit(LINKS, "    if setup.status is not SetupStatus.ACTIVE:\n", "    if setup.status is None:\n"),
        ),
        (f"{T_LINKS}::test_a_decision_that_failed_after_the_setup_was_moved_uses_the_link_up",),
        in_days=False,
    ),
    Mutant(
        "link-for-ever",
        "a link is good beyond its setup's end",
        (Edit(LINKS, "    if now >= link.expires_at:\n", "    if now < from_ms(0):\n"),),
        (f"{T_LINKS}::test_a_link_expires_with_its_setup",),
        in_days=False,
    ),
    Mutant(
        "link-not-signed",
        "a link's signature is not looked at",
        (
            Edit(
                LINKS,
                "    if not hmac.compare_digest(signature, _signature(key, payload)):\n",
                "    if not signature:\n",
            ),
        ),
        (f"{T_LINKS}::test_no_changed_character_passes",),
        in_days=False,
    ),
)
