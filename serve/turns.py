"""Several ways to do the same work, each in a process of its own, in turns, round by round.

A machine that grows slower is so for all of them, and beside what the clock says stands the
processor time, which other work on the machine changes little. Only rounds that ran one after the
other are compared.
"""

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from facellm.core.errors import FaceLLMError

RATES = ("per_second", "per_cpu_second")
Row = dict[str, Any]


class Done(NamedTuple):
    """What a round did."""

    items: int
    cpu_elsewhere: float = 0.0
    """Processor seconds of other processes that worked for it, such as a server's."""


Work = Callable[[int], Callable[[], Done]]
"""Prepares the round of this number, 0 to warm up, and returns what does it, which is timed."""


def in_turns(ways: Mapping[str, Callable[[], Work]], rounds: int) -> list[Row]:
    """Do the rounds of each way; returns and prints the rates of each.

    Args:
        ways: name → what makes its work, in a process of its own: a function of a module.
        rounds: of each, counted from 1.

    Raises:
        FaceLLMError: a way ended before it was done.
    """
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    try:
        for name, make in ways.items():
            pipes[name], theirs = context.Pipe()
            context.Process(target=_serve, args=(make, theirs), daemon=True).start()
            theirs.close()
            _heard(name, pipes[name])
        return [
            _round(name, pipe, number)
            for number in range(1, rounds + 1)
            for name, pipe in pipes.items()
        ]
    finally:
        for pipe in pipes.values():
            with suppress(OSError):  # it has gone
                pipe.send(None)


def _round(name: str, pipe: Connection, number: int) -> Row:
    pipe.send(number)
    items, seconds, cpu = _heard(name, pipe)
    rates = zip(RATES, (items / seconds, items / cpu), strict=True)
    row = {"way": name, "round": number, "items": items}
    row |= {rate: round(value, 4) for rate, value in rates}
    print(json.dumps(row), flush=True)
    return row


def _heard(name: str, pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        raise FaceLLMError(f"{name} ended before it was done; its error stands above") from None


def _serve(make: Callable[[], Work], pipe: Connection) -> None:
    """What runs in a process: a round whenever its number comes."""
    work = make()
    work(0)()
    pipe.send("ready")
    while (number := pipe.recv()) is not None:
        do = work(number)
        start, before = time.perf_counter(), time.process_time()
        done = do()
        seconds, cpu = time.perf_counter() - start, time.process_time() - before
        pipe.send((done.items, seconds, cpu + done.cpu_elsewhere))


def ratios(rows: Sequence[Row], first: str, others: Iterable[str], rate: str) -> dict[str, Any]:
    """Rate of one way over those of others, round by round."""
    rates = {(row["way"], row["round"]): row[rate] for row in rows}
    numbers = sorted({row["round"] for row in rows})
    return {
        f"{first}/{other}": [round(rates[first, n] / rates[other, n], 3) for n in numbers]
        for other in others
    }


def compared(rows: Sequence[Row], first: str, others: Sequence[str]) -> dict[str, dict[str, Any]]:
    """All ratios, printed with their medians."""
    found = {rate: ratios(rows, first, others, rate) for rate in RATES}
    for rate, each in found.items():
        for name, values in each.items():
            print(f"{name}, {rate}: median {statistics.median(values):.2f}, rounds {values}")
    return found


def save(out: Path | None, rows: Sequence[Row], found: Mapping[str, Any]) -> None:
    """Write rounds and ratios as JSON where a file is named."""
    if out is not None:
        out.write_text(json.dumps({"rows": rows, "ratios": found}, indent=1) + "\n", "utf-8")
