"""Whole logs through a lifecycle, beside a plain Python loop and beside transitions.

The aims: from coded columns at least 4 times as fast as a loop that reads and returns the same columns where silence
is the only clock, 3.5 times with clocks of every kind and conditions; from a pandas frame 50 times as fast as
transitions with whole numbers as ids, 25 times with text. CLM_WRITE=1 writes the results down beside this file.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import clm
from clm import Lifecycle, Stage, Timeout, Transition, when
from clm.journeys import Coded, replay_arrays

SEED = 1
PER_CUSTOMER = 10
DAY = 86_400_000_000
BEGIN = 18_000 * DAY
END = BEGIN + (3 * 365 + 90) * DAY
STAGES = ("reach", "trial", "new", "active", "loyal", "at_risk", "lapsed", "deleted")
KINDS = {
    "signed_up": 3,
    "trial_started": 3,
    "activated": 5,
    "order": 18,
    "login": 25,
    "email_open": 30,
    "refund": 2,
    "complaint": 2,
    "referral": 1,
    "upgrade": 3,
    "cancel": 1.5,
    "delete": 0.5,
}
"""Kinds of touchpoints, each with its weight."""
CHANNELS = ("web", "shop", "referral", "ads")
MOVES = [
    *(("reach", "signed_up", "trial"), ("reach", "order", "new"), ("trial", "order", "new")),
    *(("trial", "activated", "new"), ("new", "order", "active"), ("active", "upgrade", "loyal")),
    *(("at_risk", "order", "active"), ("at_risk", "login", "active"), ("lapsed", "order", "new")),
    *(("loyal", "complaint", "active"), ("lapsed", "signed_up", "trial"), ("new", "refund", "trial")),
    *(("deleted", "signed_up", "reach"), ("active", "email_open", "active"), ("loyal", "trial_started", "loyal")),
    *(("*", "cancel", "lapsed"), ("*", "delete", "deleted")),
]
SILENT = {
    "trial": ("lapsed", 30),
    "new": ("at_risk", 60),
    "active": ("at_risk", 90),
    "loyal": ("at_risk", 120),
    "at_risk": ("lapsed", 180),
    "lapsed": ("deleted", 365),
}
"""Where silence leads, and after how many days."""


def a_lifecycle(name, transitions, timeouts):
    return Lifecycle(name, stages=list(map(Stage, STAGES)), initial="reach", transitions=transitions, timeouts=timeouts)


PLAIN = a_lifecycle("plain", [Transition(*move) for move in MOVES], [])
IDLE = a_lifecycle(
    "idle",
    [*PLAIN.transitions, Transition("active", "referral", "loyal")],
    [Timeout(source, target, idle=f"{days}d") for source, (target, days) in SILENT.items()],
)
FULL = a_lifecycle(
    "full",
    [
        *PLAIN.transitions,
        Transition(
            "active",
            "order",
            "loyal",
            when=(when.count("order") >= 5) & ((when.amount >= 50) | (when.score >= 9)),
        ),
        Transition("lapsed", "login", "trial", when=(when.channel == "referral") & ~(when.count("refund") >= 1)),
    ],
    [
        Timeout("trial", "lapsed", after="30d"),
        Timeout("new", "at_risk", idle="60d", of=("order",)),
        Timeout("active", "at_risk", idle="90d"),
        Timeout("loyal", "at_risk", idle="120d"),
        Timeout("loyal", "active", after="365d"),
        Timeout("at_risk", "lapsed", idle="180d"),
        Timeout("lapsed", "deleted", idle="365d"),
    ],
)


def a_log(rows, *, heavy=False, in_time=True):
    """Three years of touchpoints as coded columns; with `heavy`, a tenth of all rows are one customer's."""
    rng = np.random.default_rng(SEED)
    customers = rows // PER_CUSTOMER
    weights = rng.gamma(0.8, 1.0, customers)
    customer = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(rows)).astype(np.int32)
    np.minimum(customer, customers - 1, out=customer)
    if heavy:
        customer[rng.choice(rows, rows // 10, replace=False)] = 7
    at = BEGIN + rng.integers(0, 3 * 365 * 86_400, rows) * 1_000_000
    if in_time:
        at.sort()
    share = np.array(list(KINDS.values()))
    kind = rng.choice(len(KINDS), rows, p=share / share.sum()).astype(np.int8)
    amount = np.round(rng.gamma(2, 25, rows), 2)
    amount[kind != list(KINDS).index("order")] = np.nan
    return {
        "customer": Coded(customer, np.arange(customers)),
        "at": at,
        "kind": Coded(kind, np.array(list(KINDS), object)),
        "amount": amount,
        "score": np.where(rng.random(rows) < 0.1, rng.integers(0, 11, rows), np.nan),
        "channel": Coded(rng.integers(-1, len(CHANNELS), rows).astype(np.int8), np.array(CHANNELS, object)),
    }


# What a competent user would write for these lifecycles, and no other ------------------------------------------------


def lists_of(log, *names):
    """Columns in order of customer and time as lists; kinds and channels by name."""
    order = np.argsort(log["customer"].codes, kind="stable")  # the log is in order of time
    columns = {"customer": log["customer"].codes, "at": log["at"], "amount": log["amount"], "score": log["score"]}
    columns |= {
        "kind": log["kind"].values[log["kind"].codes],
        "channel": np.array([*CHANNELS, None], object)[log["channel"].codes],
    }
    return [columns[name][order].tolist() for name in ("customer", "at", "kind", *names)]


def columns_of(visits):
    """Visits as columns of numbers: customer, stage, cause, entered and exited."""
    customer, stage, entered, cause = zip(*visits, strict=True)
    stages = {name: code for code, name in enumerate(STAGES)}
    causes = {name: code for code, name in enumerate(KINDS)} | {"timeout": -1}
    customer, entered = np.array(customer, np.int32), np.array(entered, np.int64)
    exited = np.append(entered[1:], 0)
    exited[np.append(customer[1:] != customer[:-1], True)] = -1  # the last visit is open
    return (
        customer,
        np.array([stages[name] for name in stage], np.int16),
        np.array([causes[name] for name in cause], np.int16),
        entered,
        exited,
    )


def loop_of_silence(log):
    table = {(source, kind): target for source, kind, target in MOVES if source != "*"}
    table |= {(source, kind): target for _, kind, target in MOVES[-2:] for source in STAGES}
    table["active", "referral"] = "loyal"
    silent = {source: (days * DAY, target) for source, (target, days) in SILENT.items()}
    visits = []
    add = visits.append
    current = stage = entered = last = None
    for customer, at, kind in zip(*lists_of(log), strict=True):
        if customer != current:
            if current is not None:
                coming = silent.get(stage)
                while coming is not None and last + coming[0] <= END:
                    stage = coming[1]
                    entered = max(entered, last + coming[0])
                    add((current, stage, entered, "timeout"))
                    coming = silent.get(stage)
            current, stage, entered = customer, "reach", at
            add((customer, stage, at, kind))
        else:
            coming = silent.get(stage)
            while coming is not None and last + coming[0] <= at:
                stage = coming[1]
                entered = max(entered, last + coming[0])
                add((customer, stage, entered, "timeout"))
                coming = silent.get(stage)
        last = at
        target = table.get((stage, kind))
        if target is not None and target != stage:
            stage, entered = target, at
            add((customer, stage, at, kind))
    coming = silent.get(stage)
    while coming is not None and last + coming[0] <= END:
        stage = coming[1]
        entered = max(entered, last + coming[0])
        add((current, stage, entered, "timeout"))
        coming = silent.get(stage)
    return columns_of(visits)


def loop_of_every_clock(log):  # noqa: C901  # one loop, as it would be written
    table = {(source, kind): [(None, target)] for source, kind, target in MOVES if source != "*"}
    table |= {(source, kind): [(None, target)] for _, kind, target in MOVES[-2:] for source in STAGES}
    table["active", "order"] = [(lambda o, r, a, s, c: o >= 5 and (a >= 50.0 or s >= 9.0), "loyal")]
    table["lapsed", "login"] = [(lambda o, r, a, s, c: c == "referral" and not r >= 1, "trial")]
    clocks = {stage: [] for stage in STAGES}
    for timeout in FULL.timeouts:
        how = "entered" if timeout.after else "order" if timeout.of else "last"
        length = (timeout.after or timeout.idle).days * DAY
        clocks[timeout.source].append((how, length, timeout.target))
    known = set(FULL.known_kinds)
    visits = []
    add = visits.append
    current = stage = entered = since = last = last_order = None

    def settle(customer, stage, entered, since, until):
        while True:
            best = None
            for how, length, leads_to in clocks[stage]:
                base = entered if how == "entered" else last if how == "last" else max(last_order, since)
                if base + length <= until and (best is None or base + length < best):
                    best, target = base + length, leads_to
            if best is None:
                return stage, entered, since
            stage, entered, since = target, max(best, entered), 0
            add((customer, stage, entered, "timeout"))

    for customer, at, kind, amount, score, channel in zip(*lists_of(log, "amount", "score", "channel"), strict=True):
        if kind not in known:
            continue
        if customer != current:
            if current is not None:
                settle(current, stage, entered, since, END)
            current, stage, entered, since, last_order = customer, "reach", at, at, at
            orders = refunds = 0
            add((customer, stage, at, kind))
        elif clocks[stage]:
            stage, entered, since = settle(customer, stage, entered, since, at)
        last = at
        if kind == "order":
            orders += 1
            last_order = at
        elif kind == "refund":
            refunds += 1
        for holds, target in table.get((stage, kind), ()):
            if holds is None or holds(orders, refunds, amount, score, channel):
                if target != stage:
                    stage, entered, since = target, at, at
                    add((customer, stage, at, kind))
                break
    settle(current, stage, entered, since, END)
    return columns_of(visits)


def replay_to_columns(lifecycle, log):
    visits = replay_arrays(lifecycle, through=END, **log).visits
    return (
        np.repeat(visits.customer, np.diff(visits.offsets)),
        visits.stage_codes,
        visits.cause_codes,
        visits.entered,
        visits.exited(missing=-1),
    )


def check_equal(lifecycle, mine, theirs):
    causes = np.array([*(list(KINDS).index(kind) for kind in lifecycle.machine.kinds), -1])
    mine = (*mine[:2], causes[mine[2]], *mine[3:])
    for column, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(column, other)


def write_down(name, line):
    """Keep a result for the table, where that is asked for."""
    print(f"\n{name}: {line}")
    if os.environ.get("CLM_WRITE"):
        with Path(os.environ["CLM_WRITE"]).open("a", encoding="utf-8") as file:
            file.write(f"{name} | {line}\n")


class TestCodedColumns:
    @pytest.mark.parametrize(("lifecycle", "loop"), [(IDLE, loop_of_silence), (FULL, loop_of_every_clock)])
    def test_beside_a_loop(self, benchmark, cpu_seconds, lifecycle, loop):
        rows = 1_000_000
        log = a_log(rows)
        check_equal(lifecycle, replay_to_columns(lifecycle, log), loop(log))
        gc.collect()
        gc.disable()  # the loop makes millions of tuples; its time should not depend on what else is there
        try:
            mine, theirs = [], []
            for _ in range(3):
                theirs.append(cpu_seconds(loop, log)[0])
                mine += [cpu_seconds(replay_to_columns, lifecycle, log)[0] for _ in range(3)]
        finally:
            gc.enable()
        benchmark.pedantic(replay_to_columns, (lifecycle, log), rounds=3)
        ratio = np.median(theirs) / np.median(mine)
        benchmark.extra_info |= {"rows": rows, "seed": SEED, "times_as_fast": round(ratio, 1)}
        write_down(
            f"{lifecycle.name}, 1,000,000 coded rows",
            f"{np.median(mine):.3f} s of CPU, loop {np.median(theirs):.2f} s: {ratio:.1f} times as fast",
        )


def a_frame(log, *, text=False):
    """The same as a pandas frame."""
    pd = pytest.importorskip("pandas")
    codes = log["customer"].codes
    names = np.array([f"customer-{number:07d}" for number in log["customer"].values], object)
    return pd.DataFrame(
        {
            "customer_id": names[codes] if text else codes.astype(np.int64),
            "at": log["at"].view("M8[us]"),
            "kind": log["kind"].values[log["kind"].codes],
        }
    )


def with_transitions(frame):
    """Run a frame through transitions at its simplest: one shared model, no timeouts, no visits but the last stage."""
    machine = pytest.importorskip("transitions", reason='the peer needs pip install "clm[peers]"').Machine

    class Model:
        """What transitions moves."""

    model = Model()
    machine(
        model,
        states=list(STAGES),
        transitions=[{"trigger": kind, "source": source, "dest": target} for source, kind, target in MOVES],
        initial="reach",
        auto_transitions=False,
        ignore_invalid_triggers=True,
    )
    last = {}
    triggers = {kind: getattr(model, kind, None) for kind in KINDS}
    for customer, kind in zip(frame["customer_id"].tolist(), frame["kind"].tolist(), strict=True):
        model.state = last.get(customer, "reach")
        trigger = triggers[kind]
        if trigger is not None:
            trigger()
        last[customer] = model.state
    return last


def by_itself(program):
    """Run a program that prints one number in a process of its own, and return the number."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return float(run.stdout)


class TestFrames:
    @pytest.mark.parametrize("ids", ["whole numbers", "text"])
    def test_pandas_beside_transitions(self, benchmark, cpu_seconds, ids):
        rows, share = 1_000_000, 200_000
        frame = a_frame(a_log(rows), text=ids == "text")
        end = np.datetime64(END, "us")
        some = frame[: share // 10]
        placed = clm.replay(some, PLAIN, through=end).stage_at(end)
        theirs_last = with_transitions(some)
        assert all(theirs_last[customer] == stage for customer, stage in placed.items())
        # As in a script: pytest keeps what transitions logs, which takes longer than transitions does.
        program = f"""
            import time
            from benchmarks.test_replay import *
            frame = a_frame(a_log({rows}), text={ids == "text"})[:{share}]
            begin = time.process_time()
            with_transitions(frame)
            print(time.process_time() - begin)
        """
        mine, theirs = [], []
        for _ in range(3):
            theirs.append(by_itself(program) * rows / share)
            mine += [cpu_seconds(clm.replay, frame, IDLE, through=end)[0] for _ in range(3)]
        benchmark.pedantic(clm.replay, (frame, IDLE), {"through": end}, rounds=3)
        ratio = np.median(theirs) / np.median(mine)
        benchmark.extra_info |= {"rows": rows, "seed": SEED, "times_as_fast": round(ratio, 1)}
        write_down(
            f"pandas frame of 1,000,000 rows, ids {ids}",
            f"{np.median(mine):.3f} s of CPU, transitions {np.median(theirs):.1f} s: {ratio:.0f} times as fast",
        )


class TestScale:
    @pytest.mark.parametrize("lifecycle", [IDLE, FULL], ids=["idle", "full"])
    def test_one_heavy_customer(self, benchmark, cpu_seconds, lifecycle):
        rows = 2_000_000
        even, heavy = a_log(rows), a_log(rows, heavy=True)
        options = {"through": END, "max_visits": rows}
        seconds = {"even": [], "heavy": []}
        for _ in range(4):
            for name, log in (("even", even), ("heavy", heavy)):
                seconds[name].append(cpu_seconds(replay_arrays, lifecycle, **options, **log)[0])
        benchmark.pedantic(replay_arrays, (lifecycle,), {**options, **heavy}, rounds=2)
        ratio = min(seconds["heavy"]) / min(seconds["even"])
        benchmark.extra_info |= {"rows": rows, "seed": SEED, "times_as_slow": round(ratio, 2)}
        write_down(
            f"{lifecycle.name}, one customer with a tenth of 2,000,000 rows",
            f"{ratio:.2f} times the time of evenly spread rows",
        )

    def test_cost_over_rows(self, benchmark, cpu_seconds):
        sizes = [10_000, 31_623, 100_000, 316_228, 1_000_000, 3_162_278, 10_000_000]
        seconds = {lifecycle.name: [] for lifecycle in (IDLE, FULL)}
        for rows in sizes:
            log = a_log(rows)
            for lifecycle in (IDLE, FULL):
                calls = 2 if rows > 1_000_000 else 5
                runs = [cpu_seconds(replay_arrays, lifecycle, through=END, **log)[0] for _ in range(calls)]
                seconds[lifecycle.name].append(min(runs))
        benchmark.pedantic(replay_arrays, (IDLE,), {"through": END, **a_log(1_000_000)}, rounds=2)
        benchmark.extra_info |= {"rows": sizes, "seed": SEED, "cpu_seconds": seconds}
        for name, found in seconds.items():
            rates = ", ".join(f"{rows / 1e6 / second:.1f}" for rows, second in zip(sizes, found, strict=True))
            write_down(f"{name}, 10,000 to 10,000,000 rows", f"million rows a second of CPU: {rates}")
        if os.environ.get("CLM_WRITE"):
            draw_costs(sizes, seconds, Path(__file__).with_name("replay.svg"))

    @pytest.mark.parametrize("what", ["idle", "full", "pandas"])
    def test_memory(self, benchmark, what):
        if not Path("/proc/self/clear_refs").exists():
            pytest.skip("only Linux forgets the peak of a process on demand")
        rows = 4_000_000
        program = f"""
            from benchmarks.test_replay import *
            call = replay_call({what!r}, {rows})
            replay_call({what!r}, 50_000)()
            gc.collect()
            before = memory("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")
            log = call()
            print((memory("VmHWM") - before) / {rows})
        """
        each = benchmark.pedantic(by_itself, (program,), rounds=1)
        benchmark.extra_info |= {"rows": rows, "bytes_a_row": round(each)}
        write_down(f"{what}, 4,000,000 rows", f"peak {each:.0f} bytes a row above the input")


def draw_costs(sizes, seconds, path):
    """Draw seconds over rows, both on logarithmic scales: a line of slope one is a cost that grows as the rows do."""
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "clm"}):
        figure = Figure(figsize=(5, 3.4), layout="constrained")
        axes = figure.add_subplot(xscale="log", yscale="log", xlabel="touchpoints", ylabel="seconds of CPU")
        for (name, found), colour in zip(seconds.items(), ("#0072b2", "#d55e00"), strict=True):
            axes.plot(sizes, found, marker="o", markersize=4, color=colour, label=name)
            steady = found[-1] / sizes[-1]
            axes.plot(sizes, [steady * rows for rows in sizes], color=colour, linewidth=0.8, linestyle=":")
        axes.plot([], [], color="#7f7f7f", linewidth=0.8, linestyle=":", label="in proportion to the last")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None})


def memory(name):
    """Return a figure of this process in bytes: VmRSS is what it takes now, VmHWM the most since the peak was reset."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) * 1024


def replay_call(what, rows):
    """Return a function without arguments that replays a log of so many rows."""
    log = a_log(rows)
    if what == "pandas":
        frame = a_frame(log)
        return lambda: clm.replay(frame, IDLE, through=np.datetime64(END, "us"))
    return lambda: replay_arrays({"idle": IDLE, "full": FULL}[what], through=END, **log)
