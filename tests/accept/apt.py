#!/usr/bin/env python3
"""Plays tables of attacks with a real apt beside pintree, on the same servers; each difference must have a reason.

  apt.py PINTREE TABLE...

Prints for every attack and twin what either answered: `accepted`, `warned`, `refused`, or `waits` (killed). Another word is a
difference, and so are other packages after the same word. An entry of `differences-apt.toml` that names both words
explains it; an entry that nothing needs is stale. Prints `PASS|FAIL name: figure` lines.
"""

import sys
import tomllib
from pathlib import Path

from attacks import check, lines, say

REASONS = tomllib.loads((Path(__file__).parent / "differences-apt.toml").read_text())
SEVERITY = ["accepted", "warned", "refused"]


def explained(kind, table):
    """The entries of a table: (row, side, answer of pintree, answer of apt) to reason."""
    return {(row, one.get("side", "attack"), one.get("pintree"), one.get("apt")): one["reason"]
            for one in REASONS[kind] if one["table"] == table for row in one["rows"]}


def main(program, *tables):
    good = True
    for table in tables:
        played = {}
        for _, row, _, side, word, figure in lines(table, program, PINTREE_ATTACKS_APT="1"):
            if side != "accepted":
                played.setdefault(row, {})[side] = (word, figure)
        differs, alone, found = explained("differs", table), explained("alone", table), set()
        alike, unexplained, stricter = 0, [], []
        for row, sides in played.items():
            for side in ("attack", "twin"):
                if f"{side} by apt" not in sides:
                    key, answers = (row, side, None, None), "is not put to apt"
                else:
                    (ours, our_figure), (apt, apt_figure) = (sides[f"{side} by {who}"] for who in ("pintree", "apt"))
                    key, answers = (row, side, ours, apt), f"pintree {ours} ({our_figure}), apt {apt} ({apt_figure})"
                    if ours in SEVERITY and apt in SEVERITY and side == "attack" and SEVERITY.index(apt) > SEVERITY.index(ours):
                        stricter.append(row)
                    packages = [figure.partition(" | ")[0] for figure in (our_figure, apt_figure)]
                    if ours == apt and (ours in ("refused", "waits") or packages[0] == packages[1]):
                        alike += 1
                        say(f"{table}/{row} {side}: {answers}")
                        continue
                reason = differs.get(key) or alone.get(key)
                found.add(key)
                if not reason:
                    unexplained.append(f"{row} ({side})")
                say(f"{table}/{row} {side}: {answers}: {reason or 'NOT EXPLAINED'}")
        stale = sorted(f"stale: {row} ({side})" for row, side, *_ in (differs.keys() | alone.keys()) - found)
        figure = (f"{len(played)} rows with their twins, {alike} answers alike, {len(found & differs.keys())} differences with a reason, "
                  f"{len(found & alone.keys())} not put to apt, apt stricter in {len(stricter)}, "
                  f"{len(unexplained)} unexplained, {len(stale)} stale reasons")
        wrong = unexplained + stale
        good &= check(f"{table} beside apt", played and not wrong, figure + (f"; {', '.join(wrong)}" if wrong else ""))
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
