"""What the comparisons of two trees share."""

import fnmatch
import sys


def report(ours, theirs, explained, show, words):
    """Prints the paths that differ and that no pattern of `explained` covers, then the counts; exits 1 if there are such.

    `show` turns an entry and its counterpart into text; `words` name the two sides.
    """
    counts, unexplained = {}, 0
    width = max(map(len, words)) + 1
    for path in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(path), theirs.get(path)
        if mine == other:
            continue
        reason = next((why for pattern, why in explained if fnmatch.fnmatch(path, pattern)), None)
        if reason:
            counts[reason] = counts.get(reason, 0) + 1
        else:
            unexplained += 1
            print(path)
            for word, entry, counterpart in ((words[0], mine, other), (words[1], other, mine)):
                print(f"  {word + ':':{width}} {show(entry, counterpart)}")
    for reason, count in counts.items():
        print(f"{count} explained: {reason}")
    print(f"{len(ours)} paths {words[0]}, {len(theirs)} {words[1]}, {unexplained} unexplained differences")
    sys.exit(1 if unexplained else 0)
