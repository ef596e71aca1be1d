"""Mutants of "acted on once, by one watch" and of "what happens is told". The simulation neither streams nor tells."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import POLLS, POST, T_POST, T_WATCH, WATCH

ACTED_ONCE = (
    Mutant(
        "two-leaders",
        "a watch acts although another one leads",
        (
            Edit(
                WATCH,
                '        return f"watch:{self.desk.account.id}"\n',
                '        return f"watch:{self.desk.holder.token}"\n',
            ),
        ),
        (f"{T_WATCH}::test_second_watch_looks_on_and_takes_over_when_the_first_has_died",),
        in_days=False,
    ),
    Mutant(
        "lead-not-renewed",
        "a watch that leads lets its lease run out",
        (
            Edit(
                WATCH,
                'self._is_due("lead", RENEW_S if self.is_leading else 0.0)',
                'self._is_due("lead", 3600.0 if self.is_leading else 0.0)',
            ),
        ),
        (f"{T_WATCH}::test_watch_that_leads_keeps_the_lead",),
        in_days=False,
    ),
    Mutant(
        "lead-kept-after-the-end",
        "a watch that ends keeps others from leading",
        (
            Edit(
                WATCH,
                "                self.desk.store.free_lease(self._lease, self.desk.holder)\n",
                "                pass\n",
            ),
        ),
        (f"{T_WATCH}::test_watch_that_ends_gives_its_lead_back",),
        in_days=False,
    ),
    Mutant(
        "act-at-each-frame",
        "an exit that failed is tried again at each price",
        (Edit(WATCH, "        watched.rests_until = self._ticks() + RETRY_S\n", ""),),
        (f"{T_WATCH}::test_exit_that_fails_is_not_tried_again_at_each_frame",),
        in_days=False,
    ),
    Mutant(
        "act-on-an-old-price",
        "a price that comes late counts as the newest",
        (
            Edit(
                WATCH,
                "            if known is not None and price.at <= known.at <= latest:\n",
                "            if known is not None and price is known:\n",
            ),
        ),
        (f"{T_WATCH}::test_price_older_than_what_was_seen_is_no_news",),
        in_days=False,
    ),
    Mutant(
        "leave-at-the-wrong-side",
        "a long is judged by what a buyer would pay",
        (
            Edit(
                "services/watch_trades.py",
                "    return price.bid if trade.direction.sign > 0 else price.ask\n",
                "    return price.ask if trade.direction.sign > 0 else price.bid\n",
            ),
        ),
        (f"{T_WATCH}::test_long_is_judged_by_the_bid",),
        in_days=False,
    ),
    Mutant(
        "silence-is-calm",
        "what happened while the socket was down is not asked for",
        (
            Edit(
                WATCH,
                "            self._alive.clear()\n            self._soon_pass()\n",
                "            self._alive.clear()\n",
            ),
        ),
        (f"{T_WATCH}::test_socket_that_comes_up_again_is_followed_by_a_look_over_rest",),
        in_days=False,
    ),
    Mutant(
        "no-polling",
        "while nothing streams nobody asks for prices",
        (
            Edit(
                POLLS,
                "        symbols = frozenset(self._heard) if is_of_all else self._mute(matters)\n",
                "        symbols = frozenset() if is_of_all else self._mute(matters)\n",
            ),
        ),
        (f"{T_WATCH}::test_dead_stream_falls_back_to_polling_and_comes_back",),
        in_days=False,
    ),
    Mutant(
        "deaf-to-one-pair",
        "a pair that falls silent while others stream is not polled",
        (
            Edit(
                POLLS,
                "        symbols = frozenset(self._heard) if is_of_all else self._mute(matters)\n",
                "        symbols = frozenset(self._heard) if is_of_all else frozenset()\n",
            ),
        ),
        (
            f"{T_WATCH}::test_symbol_that_falls_silent_while_others_stream_is_polled",
            f"{T_WATCH}::test_symbol_whose_subscription_is_refused_is_polled",
        ),
        in_days=False,
    ),
)

MESSAGES = (
    Mutant(
        "one-holds-up-all",
        "a channel that fails ends the round, and the others hear nothing",
        (
            Edit(
                POST,
                "            return self._serve_all()\n",
                "            for channel in self.channels:\n"
                "                if (e := self._serve(channel)) is not None:\n"
                "                    return [e]\n"
                "            return []\n",
            ),
        ),
        (f"{T_POST}::test_a_channel_that_fails_holds_up_no_other_and_hears_it_later",),
        in_days=False,
    ),
    Mutant(
        "failed-is-told",
        "what a channel did not take counts as told",
        (
            Edit(
                POST,
                "                    channel.tell(message)\n                    self._keep(channel, place_after)\n",
                "                    self._keep(channel, place_after)\n                    channel.tell(message)\n",
            ),
        ),
        (f"{T_POST}::test_a_channel_that_fails_holds_up_no_other_and_hears_it_later",),
        in_days=False,
    ),
    Mutant(
        "told-again",
        "what was told before a later message failed is told again",
        (
            Edit(
                POST,
                "                    channel.tell(message)\n                    self._keep(channel, place_after)\n",
                "                    channel.tell(message)\n",
            ),
        ),
        (f"{T_POST}::test_what_was_told_before_a_failure_is_not_told_again",),
        in_days=False,
    ),
    Mutant(
        "two-postmen",
        "two processes tell the same",
        (
            Edit(
                POST,
                "desk.clock.now(), LEASE_TTL_S) is not None:\n            return []\n",
                "desk.clock.now(), LEASE_TTL_S) is not None:\n            pass\n",
            ),
        ),
        (f"{T_POST}::test_two_processes_tell_once",),
        in_days=False,
    ),
    Mutant(
        "quiet-about-alarms",
        "quiet hours hold up what is urgent",
        (
            Edit(
                POST,
                "                is_held = is_quiet and not is_urgent(entry)\n",
                "                is_held = is_quiet\n",
            ),
        ),
        (f"{T_POST}::test_quiet_hours_hold_up_all_but_what_is_urgent",),
        in_days=False,
    ),
)
