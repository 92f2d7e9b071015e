"""Run random sequences of faults: `python -m options_platform_tests.faults.sequences --seed 7`.

`--seeds 0..99` runs many and counts what failed by kind; `--verbose` tells each action.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from options_platform.adapters.fake_alpaca.symbols import contract_of
from options_platform_tests.faults.sequence_plan import plan_of
from options_platform_tests.faults.sequence_truth import BrokenPromiseError
from options_platform_tests.faults.sequence_world import SequenceWorld

MEMORY = Path("/dev/shm")
LAST_SESSIONS = 2


def run(seed, say=lambda _: None):
    """Run the sequence of a seed to its end; :class:`BrokenPromiseError` says what broke."""
    plan = plan_of(seed)
    say(f"seed {seed}: {', '.join(plan.tickers)}; {', '.join(plan.habits)}")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = SequenceWorld(plan, folder, say)
        with world.fake:
            for action in plan.actions:
                world.act(action)
            settle(world)


def settle(world):
    """Honest lists, orders that fill, and enough runs: then both sides agree, or say why not."""
    world.say("settling")
    world.fake.faults.clear()
    world.arrive()
    world.honest()
    world.fake.fills = "limit"
    for _ in range(LAST_SESSIONS):
        world.next_session(None, 250.0)
        world.truth.check()
        world.work()
        world.truth.check()
        world.flatten()
        world.truth.check()
    working = [order["client_order_id"] for order in world.truth.working()]
    if working:
        raise BrokenPromiseError(f"LEFT_WORKING: {working}")
    compare(world)


def compare(world):
    """What the ledger has of orders and contracts is the account's, or a difference names it."""
    made = world.service()
    with made.ledger.holding():
        ours = {order.client_order_id: order for order in made.ledger.orders()}
        contracts = made.ledger.books().contracts
        differences = made.ledger.differences()
    said = " ".join(f"{d.subject} {d.text}" for d in differences)
    for order in world.truth.ours():
        name = order["client_order_id"]
        known = ours[name].filled_qty if name in ours else 0
        if known != int(order["filled_qty"]) and name not in said:
            raise BrokenPromiseError(
                f"FILL_LOST: {name} filled {order['filled_qty']}, {known} in the ledger"
            )
    held = world.fake.book.quantities()
    for symbol in sorted({*held, *contracts}):
        here, there = contracts.get(symbol, 0), held.get(symbol, 0)
        if here != there and symbol not in said:
            kind = "CONTRACTS_LOST" if contract_of(symbol) else "SHARES_LOST"
            raise BrokenPromiseError(f"{kind}: {there} {symbol}, {here} in the ledger")


def main(arguments):
    """Run the seeds asked for; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", help="first..last")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(arguments)
    if (given.seed is None) == (given.seeds is None):
        parser.error("give --seed N or --seeds A..B")
    first, last = map(int, given.seeds.split("..")) if given.seeds else (given.seed, given.seed)
    kinds, began = Counter(), time.process_time()
    for seed in range(first, last + 1):
        try:
            run(seed, print if given.verbose else lambda _: None)
        except BrokenPromiseError as error:
            kinds[str(error).partition(":")[0]] += 1
            print(f"seed {seed}: {error}")
        except Exception as error:
            kinds[type(error).__name__] += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}")
            if given.seed is not None:
                raise
    count = last - first + 1
    each = (time.process_time() - began) / count
    print(f"{count} sequences, {sum(kinds.values())} failed {dict(kinds)}; {each:.2f} CPU s each")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
