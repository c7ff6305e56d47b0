"""A share of something limited, such as memory, taken in the order of asking."""

import asyncio
from collections import deque


class Budget:
    """So many units for the tasks of one event loop; who asks for more waits, first come first."""

    def __init__(self, units: int) -> None:
        self.units = units
        self._free = units
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, units: int, patience: float) -> None:
        """Take units, which must be given back; at most as many as there are in all.

        Raises:
            TimeoutError: they did not come free within `patience` seconds.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (units, turn)
        self._waiting.append(entry)
        self._serve()
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(turn)
        except BaseException:
            if turn.done():  # it came just now, to nobody
                self.give(units)
            else:
                self._waiting.remove(entry)
                self._serve()
            raise

    def give(self, units: int) -> None:
        """Give units back."""
        self._free += units
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            units, turn = self._waiting.popleft()
            self._free -= units
            turn.set_result(None)
