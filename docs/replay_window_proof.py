#!/usr/bin/env python3
"""Proves that the replay window of dwcp-packet answers as the set of all numbers taken would (docs/replay-window.md).

    replay_window_proof.py                 proves every lemma: exit status 0
    replay_window_proof.py --broken NAME   the same with a mistake put in: exit status 1 and a counterexample
    replay_window_proof.py --broken list   the names of the mistakes

Needs z3-solver. Words have 64 bits, numbers and the rings' sizes are any: nothing is bounded but what the lemmas say. A lemma is proven
by asking for a state that contradicts it. Where an invariant speaks of all numbers, the step is proven for one number that can be any,
and assumed of the few that the code looks at.
"""

import sys
import time

from z3 import (
    And, Array, BitVec, BitVecSort, BitVecVal, Bool, BoolSort, Extract, Function, If, Implies, LShR, Not, Or, Select,
    Solver, UGE, UGT, ULE, ULT, ZeroExt, sat, unsat,
)

MISTAKES = {
    "last-not-cleared": "a move clears one place less than it should",
    "first-cleared-too": "a move clears from the place of the old highest on, one early",
    "jump-not-bounded-right": "a far jump clears one place less than the ring has",
    "edge-taken": "the number just below the window is taken",
    "ring-too-small": "the ring has a word less than the window needs",
    "moves-always": "the highest follows any number, not only a higher one",
    "bit-not-set": "the highest moves, but its bit is not set",
    "lap-cut": "a lap of the shared ring is cut to 32 bits",
}
TOO_OLD, SEEN, TAKEN = 0, 1, 2


def number(name):
    return BitVec(name, 64)


def value(n):
    return BitVecVal(n, 64)


def block(n):
    """Numbers of one word."""
    return LShR(n, 6)


class Ring:
    """Words, their mask, the highest and the size: the fields of `Ring` in crates/dwcp-packet/src/window/ring.rs."""

    def __init__(self, words, mask, highest, size):
        self.words, self.mask, self.highest, self.size = words, mask, highest, size

    def place(self, of):
        return of & self.mask

    def is_set(self, n):
        return Select(self.words, self.place(block(n))) & (value(1) << (n & 63)) != 0

    def shape(self, broken):
        """What `new` makes: a power of two of words, and as many as the window needs."""
        count = self.mask + 1
        need = LShR(self.size - 1 + 63, 6) + value(0 if broken == "ring-too-small" else 1)
        return And(
            UGE(self.size, 1), ULE(self.size, 1 << 32), count & self.mask == 0, UGE(count, 1), ULE(count, 1 << 32),
            UGE(count, need),
            # A mistake is looked for where it is found fast; the proof leaves the count open.
            broken is None or count == 4,
        )

    def blocks(self, n, broken):
        """How many places `advance` clears."""
        bound = self.mask if broken == "jump-not-bounded-right" else self.mask + 1
        jump = block(n) - block(self.highest)
        blocks = If(ULT(jump, bound), jump, bound)
        if broken == "last-not-cleared":
            return If(blocks == 0, blocks, blocks - 1)
        return blocks

    def first(self, broken):
        """The first block whose place `advance` clears."""
        return block(self.highest) + (0 if broken == "first-cleared-too" else 1)

    def cleared(self, place, n, broken):
        """Whether `advance` clears a place: the loop's outcome, which `lemma_loop` proves."""
        return ULT((place - self.first(broken)) & self.mask, self.blocks(n, broken))

    def check(self, n):
        behind = self.highest - n
        return If(UGT(n, self.highest), TAKEN, If(UGE(behind, self.size), TOO_OLD, If(self.is_set(n), SEEN, TAKEN)))

    def accept(self, n, look, broken):
        """The answer, and the state afterwards: the highest, and the word at each place of `look`."""
        moves = UGT(n, self.highest)
        if broken == "moves-always":
            moves = n != self.highest
        below = UGT(self.highest - n, self.size) if broken == "edge-taken" else UGE(self.highest - n, self.size)

        def moved(place):
            return If(And(moves, self.cleared(place, n, broken)), value(0), Select(self.words, place))

        at, bit = self.place(block(n)), value(1) << (n & 63)
        refused = And(Not(moves), below)
        seen = moved(at) & bit != 0
        answer = If(refused, TOO_OLD, If(seen, SEEN, TAKEN))
        setting = value(0) if broken == "bit-not-set" else bit

        def after(place):
            return If(And(answer == TAKEN, place == at), moved(place) | setting, moved(place))

        return answer, If(moves, n, self.highest), {name: after(place) for name, place in look.items()}


# The set of what was taken, and whether it holds anything.
taken = Function("taken", BitVecSort(64), BoolSort())
anything = Bool("anything")


def invariant(ring, m, is_taken, is_set, highest, highest_taken, holds):
    """What holds of any number `m` between calls, in parts."""
    reach = And(ULE(block(m), block(highest)), ULE(block(highest) - block(m), ring.mask))
    return {
        "nothing higher than the highest was taken": Implies(is_taken, ULE(m, highest)),
        "the highest was taken, or it is 0 and nothing was":
            And(Implies(holds, highest_taken), Implies(Not(holds), And(highest == 0, Not(is_taken)))),
        "of the blocks in the ring, the bits are the set": Implies(reach, is_set == is_taken),
    }


def before(ring, *numbers):
    """The invariant of these numbers, and of the highest."""
    highest = ring.highest
    return And(*[
        part for m in (*numbers, highest)
        for part in invariant(ring, m, taken(m), ring.is_set(m), highest, taken(highest), anything).values()
    ])


def by_the_set(ring, n):
    """RFC 4303 section 3.4.3, of the set and its highest."""
    below = And(anything, ULE(n, ring.highest), UGE(ring.highest - n, ring.size))
    return If(below, TOO_OLD, If(taken(n), SEEN, TAKEN))


def lemmas(broken):
    """Each lemma: its name, what is assumed, and what follows."""
    ring = Ring(Array("words", BitVecSort(64), BitVecSort(64)), number("mask"), number("highest"), number("size"))
    n, m, place = number("n"), number("m"), number("place")
    shape = ring.shape(broken)
    here = ULE(place, ring.mask)
    look = {"m": ring.place(block(m)), "place": place}
    answer, highest, words = ring.accept(n, look, broken)

    yield ("the ring reaches as far as the window",
           And(shape, ULE(m, n), ULT(n - m, ring.size)),
           ULE(block(n) - block(m), ring.mask))

    step = number("step")
    base = ring.first(broken)
    yield ("the loop clears the places it says, one after the other",
           And(shape, here, ULE(step, ring.mask)),
           Or(ULT((place - base) & ring.mask, step), place == ring.place(base + step))
           == ULT((place - base) & ring.mask, step + 1))
    yield ("its blocks never wrap, and it clears no place twice",
           And(shape, UGT(n, ring.highest)),
           And(UGE(block(ring.highest) + ring.blocks(n, broken), block(ring.highest)),
               ULE(ring.blocks(n, broken), ring.mask + 1)))

    empty = Ring(ring.words, ring.mask, value(0), ring.size)
    yield ("a new window satisfies the invariant",
           And(shape, Select(empty.words, empty.place(block(m))) == 0, Select(empty.words, 0) == 0,
               Not(taken(m)), Not(taken(value(0))), Not(anything)),
           And(*invariant(empty, m, taken(m), empty.is_set(m), value(0), taken(value(0)), anything).values()))

    yield ("check answers what the set does",
           And(shape, before(ring, n)),
           ring.check(n) == by_the_set(ring, n))
    yield ("accept answers what the set does",
           And(shape, before(ring, n)),
           answer == by_the_set(ring, n))
    yield ("a number that is not taken changes nothing",
           And(shape, here, before(ring, n), answer != TAKEN),
           And(highest == ring.highest, words["place"] == Select(ring.words, place)))

    held = Or(taken(m), And(answer == TAKEN, m == n))
    highest_held = Or(taken(highest), And(answer == TAKEN, highest == n))
    is_set = words["m"] & (value(1) << (m & 63)) != 0
    after = invariant(ring, m, held, is_set, highest, highest_held, Or(anything, answer == TAKEN))
    for part, holds in after.items():
        for when, which in [("ahead", UGT(n, ring.highest)), ("not ahead", ULE(n, ring.highest))]:
            yield (f"after accepting a number {when}, {part}", And(shape, before(ring, n, m), which), holds)
    yield ("the highest is told if and only if anything was taken",
           And(shape, before(ring, n)),
           ring.is_set(ring.highest) == anything)

    yield from shared(broken)
    yield from extended()


def shared(broken):
    """Of crates/dwcp-packet/src/window/tagged.rs: 8 numbers a word, 56 bits for the lap."""
    n, m, order, size = number("n"), number("m"), number("order"), number("size")
    lap_bits = 32 if broken == "lap-cut" else 56

    def lap(of):
        whole = LShR(of, order + 3)
        return whole & value((1 << lap_bits) - 1)

    def place(of):
        return LShR(of, 3) & ((value(1) << order) - 1)

    # What `new` makes: at least 2^5 words, and as many as the window needs.
    shape = And(UGE(order, 5), ULE(order, 32), UGE(size, 1), ULE(size, 1 << 32),
                UGE(value(1) << order, LShR(size - 1 + 7, 3) + 1))
    yield ("shared: a lap fits beside its bits",
           shape, LShR(n, order + 3) == lap(n))
    yield ("shared: lap, place and bit are one number's alone",
           And(shape, lap(n) == lap(m), place(n) == place(m), n & 7 == m & 7), n == m)
    yield ("shared: the number is told from lap, place and bit",
           shape, ((lap(n) << order | place(n)) << 3 | (n & 7)) == n)
    yield ("shared: of a place, what is a lap behind is below the window",
           And(shape, place(n) == place(m), ULT(lap(n), lap(m))), And(ULT(n, m), UGE(m - n, size)))


def extended():
    """Of crates/dwcp-packet/src/window/esn.rs."""
    highest, size, low = number("highest"), number("size"), BitVec("low", 32)
    other = number("other")
    back = If(size == 0, value(0), size - 1)
    edge = If(UGE(highest, back), highest - back, value(0))
    ahead = (ZeroExt(32, low) - edge) & value(0xFFFFFFFF)
    inferred = edge + ahead
    overflows = ULT(inferred, edge)
    sizes = And(UGE(size, 1), ULE(size, 1 << 31))
    yield ("extended: the number has the low half that was carried, and is one of 2^32 from the edge on",
           And(sizes, Not(overflows)),
           And(Extract(31, 0, inferred) == low, UGE(inferred, edge), ULT(inferred - edge, 1 << 32)))
    yield ("extended: no other number is",
           And(sizes, Extract(31, 0, other) == low, UGE(other, edge), ULT(other - edge, 1 << 32)),
           And(Not(overflows), other == inferred))
    # RFC 4303 appendix A2.1, where the window does not reach below 0.
    top_low, bottom_low = Extract(31, 0, highest), Extract(31, 0, highest) - (Extract(31, 0, size) - 1)
    top_high = Extract(63, 32, highest)
    one_subspace = UGE(ZeroExt(32, top_low), size - 1)
    high = If(one_subspace, If(UGE(low, bottom_low), top_high, top_high + 1),
              If(UGE(low, bottom_low), top_high - 1, top_high))
    yield ("extended: it is what appendix A2.1 of RFC 4303 says",
           And(sizes, UGE(highest, size - 1), Not(overflows)),
           Extract(63, 32, inferred) == high)


def main(arguments):
    broken = None
    if arguments[:1] == ["--broken"] and len(arguments) == 2:
        if arguments[1] == "list":
            print("\n".join(f"{name}: {what}" for name, what in MISTAKES.items()))
            return 0
        broken = arguments[1]
    if arguments and broken not in MISTAKES:
        print(__doc__, file=sys.stderr)
        return 2
    refuted = 0
    for name, assumed, follows in lemmas(broken):
        begun = time.monotonic()
        # No lemma holds for want of a state that it speaks of.
        solver = Solver()
        solver.set("timeout", 120_000)
        solver.add(assumed)
        possible = solver.check()
        solver.add(Not(follows))
        outcome = solver.check()
        took = time.monotonic() - begun
        if outcome == unsat and possible == sat:
            print(f"proven   {name} ({took:.1f} s)")
        elif outcome == sat:
            refuted += 1
            print(f"refuted  {name} ({took:.1f} s)")
            for variable in sorted(solver.model().decls(), key=str):
                print(f"         {variable} = {solver.model()[variable]}".replace("\n", " "))
            if broken:
                break
        else:
            print(f"open     {name}: {possible}, {outcome} ({took:.1f} s)")
            return 3
    outcome = "refuted" if refuted else "every lemma is proven"
    print(f"the window{' with a mistake' if broken else ''}: {outcome}")
    return 1 if refuted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
