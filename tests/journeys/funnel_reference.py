"""A funnel by the book: one customer after the other, one attempt after the other, event by event."""

from collections import Counter


def attempt(trail, first, steps, rule, window):
    """Return the instants at which the attempt that begins with an event takes its steps."""
    began = trail[first][0]
    taken, left = [], Counter(steps)
    for at, kind in trail[first:]:
        if window is not None and at - began > window:
            break
        if rule == "unordered":
            if left[kind] > 0:
                left[kind] -= 1
                taken.append(at)
        elif len(taken) < len(steps) and kind == steps[len(taken)]:
            taken.append(at)
        elif rule == "strict" and kind not in steps[: len(taken)]:
            break
    return taken


def attempts(trail, steps, rule, window):
    """Return all attempts of one customer, in the order in which they begin."""
    begins = [
        place for place, (_, kind) in enumerate(trail) if (kind in steps if rule == "unordered" else kind == steps[0])
    ]
    return [attempt(trail, place, steps, rule, window) for place in begins]


def best(some):
    """Return the attempt that got furthest, the earliest of several."""
    return max(some, key=len)  # the first of equals


def funnel(rows, steps, rule, window, through):
    """Count a funnel from rows (customer, instant, kind).

    Returns
    -------
    dict
        The best attempt of each entrant; how many took each step, of all and of closed windows.
    """
    trails = {}
    for customer, at, kind in sorted(rows, key=lambda row: row[1]):  # stable: equal instants stay in row order
        trails.setdefault(customer, []).append((at, kind))
    found = {customer: attempts(trail, steps, rule, window) for customer, trail in sorted(trails.items())}
    found = {customer: some for customer, some in found.items() if some}
    closed = {
        customer: [taken for taken in some if window is None or taken[0] + window <= through]
        for customer, some in found.items()
    }
    settled = [best(some) for some in closed.values() if some]
    chosen = {customer: best(some) for customer, some in found.items()}
    return {
        "best": chosen,
        "counts": [sum(len(taken) > step for taken in chosen.values()) for step in range(len(steps))],
        "closed": [sum(len(taken) > step for taken in settled) for step in range(len(steps))],
    }
