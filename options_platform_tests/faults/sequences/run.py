"""Run random sequences of faults: `python -m options_platform_tests.faults.sequences.run --seed 7`.

`--seeds 0..99` runs many and counts what failed by kind; `--verbose` tells each action; with
`--overlaid` two rule sets trade the account.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from options_platform.fake_alpaca.symbols import contract_of
from options_platform_tests.faults.sequences.sequence_plan import Action, plan_of
from options_platform_tests.faults.sequences.sequence_truth import BrokenPromiseError
from options_platform_tests.faults.sequences.sequence_world import SequenceWorld
from options_platform_tests.short_wire import short_wire

MEMORY = Path("/dev/shm")
MOST_SESSIONS = 3


def run(seed, say=lambda _: None, *, over_http=None, overlaid=False):
    """Run the sequence of a seed to its end; :class:`BrokenPromiseError` says what broke.

    `over_http`: whether requests go over sockets; None leaves it to the seed.
    """
    plan = plan_of(seed, overlaid=overlaid)
    say(f"seed {seed}: {', '.join(plan.tickers)}; {', '.join(plan.habits)}")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = SequenceWorld(plan, folder, say)
        is_long = is_over_http(seed) if over_http is None else over_http
        wire = nullcontext() if is_long else short_wire(world.fake)
        with world.fake, wire, world.ledger_held():
            for action in plan.actions:
                world.act(action)
            settle(world)


def is_over_http(seed):
    """Whether a sequence uses sockets: one in ten does."""
    return seed % 10 == 0


def settle(world):
    """With correct lists and enough runs, both sides agree or the difference is reported."""
    world.say("settling")
    world.fake.faults.clear()
    world.arrive()
    world.honest()
    world.fake.fills = "limit"
    for _ in range(MOST_SESSIONS):
        for action in (Action("next_session", (None, 250.0)), Action("work"), Action("flatten")):
            world.act(action)
        if not world.truth.working() and not difference(world):
            return
    working = [order["client_order_id"] for order in world.truth.working()]
    if working:
        raise BrokenPromiseError(f"LEFT_WORKING: {working}")
    raise BrokenPromiseError(difference(world))


def difference(world):
    """Unreported differences of orders and contracts between ledger and account."""
    made = world.service()
    with made.ledger.holding():
        ours = {order.client_order_id: order for order in made.ledger.orders()}
        contracts = made.ledger.statement().contracts
        differences = made.ledger.differences()
    # Where the broker's own answers tell everything, naming a difference is not enough.
    reported = " ".join(f"{d.subject} {d.text}" for d in differences) if world.needs_person else ""
    for order in world.truth.ours():
        name = order["client_order_id"]
        known = ours[name].filled_qty if name in ours else 0
        if known != int(order["filled_qty"]) and name not in reported:
            return f"FILL_LOST: {name} filled {order['filled_qty']}, {known} in the ledger"
    held = world.fake.book.quantities()
    for symbol in sorted({*held, *contracts}):
        here, there = contracts.get(symbol, 0), held.get(symbol, 0)
        if here != there and symbol not in reported:
            kind = "CONTRACTS_LOST" if contract_of(symbol) else "SHARES_LOST"
            return f"{kind}: {there} {symbol}, {here} in the ledger"
    if held and not world.needs_person:
        return f"NOT_CLOSED: {held}"
    return None


def failures(seeds, *, overlaid=False):
    """The broken promises in the sequences of these seeds, by seed."""
    found = {}
    for seed in seeds:
        try:
            run(seed, overlaid=overlaid)
        except BrokenPromiseError as error:
            found[seed] = str(error)
        except Exception as error:
            how = f"--seed {seed}{' --overlaid' if overlaid else ''}"
            error.add_note(f"python -m options_platform_tests.faults.sequences.run {how}")
            raise
    return found


def main(arguments):
    """Run the requested seeds; returns 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", help="first..last")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--overlaid", action="store_true")
    given = parser.parse_args(arguments)
    if (given.seed is None) == (given.seeds is None):
        parser.error("give --seed N or --seeds A..B")
    if given.seed is not None:
        say = print if given.verbose else lambda _: None
        run(given.seed, say, overlaid=given.overlaid)
        print(f"seed {given.seed}: all promises kept")
        return 0
    first, last = map(int, given.seeds.split(".."))
    kinds, began = Counter(), time.process_time()
    for seed in range(first, last + 1):
        for text in failures([seed], overlaid=given.overlaid).values():
            kinds[text.partition(":")[0]] += 1
            print(f"seed {seed}: {text}", flush=True)
    each = (time.process_time() - began) / (last - first + 1)
    summary = f"{last - first + 1} sequences, {sum(kinds.values())} failed {dict(kinds)}"
    print(f"{summary}; {each:.2f} CPU s each")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
