"""How the desk looks. Nothing is told by colour alone."""

CSS = """
#head { height: auto; max-height: 2; }
#mode { width: auto; height: 1; text-style: bold; }
#state { width: 1fr; height: auto; max-height: 2; padding: 0 1; }
.mode-paper { background: green; color: white; }
.mode-demo { background: blue; color: white; }
.mode-testnet { background: blue; color: white; }
.mode-live { background: red; color: white; text-style: bold reverse; }
#body { height: 1fr; }
#lists { width: 1fr; }
.-wide #lists { width: 71; }
#detail { width: 1fr; padding: 0 1; border-left: solid $primary; }
.-narrow #detail { display: none; }
.title { height: 1; text-style: bold; background: $panel; padding: 0 1; }
#setups, #trades { height: 1fr; min-height: 3; }
#log { height: 6; border-top: solid $primary; }
.-wide #log { height: 10; }
Question, Reason, Notice { align: center middle; }
.dialog { width: auto; max-width: 90%; height: auto; max-height: 90%; padding: 1 2; border: thick $primary;
  background: $surface; }
.dialog Static { width: auto; max-width: 100%; }
.dialog Input { width: 60; max-width: 100%; }
.card { width: 100%; max-width: 100%; padding: 0 1; }
.real { border: thick red; }
.warning { background: red; color: white; text-style: bold; }
.buttons { width: auto; height: auto; margin-top: 1; }
.buttons Button { margin-right: 2; }
DataTable > .datatable--cursor { text-style: reverse; }
"""

HELP = """\
a  approve the chosen setup, trade it   Tab      the other list
r  reject it, with a reason             Up Down  choose
c  close the chosen trade at market     Enter    its card, where
h  halt entries, or allow them again             there is no room
/  filter by symbol                     q        quit

What moves money asks once; the answer is No unless you say Yes.
"to stop" and "to target" say what is lost or gained on the way
there, in percent of the price and in R, the distance from entry
to the first stop.
Stops rest on the exchange: they work while this desk is closed."""
