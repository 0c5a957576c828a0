"""Owns the order in which entries wait, and how many runs and rows wait. Pure: knows no clock and no protocol.

The entries of one group wait in a lane, and the lane whose first entry is the oldest gives the next batch. A large
entry has a lane of its own and waits anew after each piece. An entry is touched a fixed number of times, whatever else
waits: lanes and deadlines stand in heaps, and a lane ends with its last entry.
"""

from __future__ import annotations

import itertools
from collections import deque
from heapq import heapify, heappop, heappush

from server.batching.batch import Batch
from server.batching.entry import BatchGroup, Entry

NEVER = float("inf")
SPARE_DEADLINES = 4  # of entries that wait no longer, each with its body: beyond these and as many as wait, they go


class _Plan:
    """So many ``runs`` that must be made while one of its ``entries`` waits, which are counted; ``rows``: of all."""

    __slots__ = ("entries", "rows", "runs")

    def __init__(self, runs: int, rows: int) -> None:
        self.runs = runs
        self.rows = rows
        self.entries = 1


class _Lane:
    """Entries in the order they came. ``group``: None for a lane of one entry that shares no run."""

    __slots__ = ("entries", "group", "last")

    def __init__(self, group: BatchGroup | None) -> None:
        self.group = group
        self.entries: deque[Entry] = deque()
        self.last: _Plan | None = None  # of its last run


class Queue:
    """The entries that wait for one model. Where rows are not ``row_independent`` each needs a run of its own.

    ``row_independent`` and ``max_rows``, the most rows of the next run, may change at any time.
    """

    def __init__(self, row_independent: bool, max_rows: int) -> None:
        self.max_rows = max_rows
        self.rows = 0  # that wait
        self.next_deadline = NEVER  # no entry has an earlier one
        self.row_independent = row_independent
        self._newcomers: list[Entry] = []  # not in a lane yet: mostly all of them are the next batch
        self._runs = 0
        self.placed = 0  # entries in lanes, those among them that are done and no longer counted
        self._lane_of: dict[int, _Lane] = {}  # by the identity of the group
        self._lanes: list[tuple[int, _Lane]] = []  # a heap by the ticket of the first entry
        self._deadlines: list[tuple[float, int, Entry]] = []  # a heap
        self._tickets = itertools.count()

    def __len__(self) -> int:
        return len(self._newcomers) + self.placed

    def append(self, entry: Entry) -> None:
        """Adds an entry that has its group, rows and deadline."""
        self._newcomers.append(entry)
        self.rows += entry.rows
        if entry.deadline < self.next_deadline:
            self.next_deadline = entry.deadline

    def count_runs(self) -> int:
        """How many runs serve what waits, with at most ``max_rows`` rows each; where some have left, how many at most.

        What was planned with another ``max_rows`` stays planned.
        """
        self._settle()
        return self._runs

    def next_batch(self) -> Batch | None:
        """Pops the next batch: the oldest entry and those of its group that fit, in the order they came.

        Entries that are done are dropped. An entry with more than ``max_rows`` rows gives its next piece.
        """
        if not self._lanes and (batch := self._pop_newcomers()) is not None:
            return batch
        self._settle()
        batch = None
        while batch is None and self._lanes:
            _, lane = heappop(self._lanes)
            self._drop_done(lane)
            if not lane.entries:
                self._lane_of.pop(id(lane.group), None)
            elif self._lanes and self._lanes[0][0] < lane.entries[0].ticket:
                heappush(self._lanes, (lane.entries[0].ticket, lane))
            else:
                batch = self._take(lane)
        if not self.placed:
            self._deadlines.clear()
            self.next_deadline = NEVER
        return batch

    def pop_late(self, now: float) -> list[Entry]:
        """Returns the entries whose deadline has passed, which wait no longer; the caller refuses them."""
        self._settle()
        deadlines, late = self._deadlines, []
        while deadlines and (deadlines[0][0] <= now or deadlines[0][2].done):
            entry = heappop(deadlines)[2]
            if entry.deadline > now and not entry.done:  # somebody joined it who has longer to wait
                heappush(deadlines, (entry.deadline, entry.ticket, entry))
                continue
            if entry.plan is not None and not entry.done:  # of one that runs, the run's own look tells
                late.append(entry)
            self._leave(entry)
        self.next_deadline = deadlines[0][0] if deadlines else NEVER
        return late

    def forget_done(self) -> None:
        """Counts entries that are done no longer. It looks at every entry."""
        self._settle()
        for _, _, entry in self._deadlines:
            if entry.done:
                self._leave(entry)
        self._deadlines = [item for item in self._deadlines if not item[2].done]
        heapify(self._deadlines)

    def clear(self) -> list[Entry]:
        """Empties the queue and returns its entries, the oldest first."""
        self._settle()
        entries = [self._pop(lane) for _, lane in self._lanes for _ in range(len(lane.entries))]
        self._lanes.clear()
        self._lane_of.clear()
        self._deadlines.clear()
        self.next_deadline = NEVER
        return sorted(entries, key=lambda entry: entry.ticket)

    def _pop_newcomers(self) -> Batch | None:
        """All newcomers as one batch, if they may be one."""
        entries, rows = self._newcomers, self.rows
        if not entries or rows > self.max_rows or not (self.row_independent or len(entries) == 1):
            return None
        group = entries[0].group
        for entry in entries:
            if entry.done or entry.group is not group:
                return None
        self._newcomers = []
        self.rows = 0
        self.next_deadline = NEVER
        return Batch(entries, rows)

    # Lanes

    def _settle(self) -> None:
        """Puts the newcomers into lanes."""
        if not self._newcomers:
            return
        newcomers, self._newcomers = self._newcomers, []
        for entry in newcomers:
            if entry.done:
                self.rows -= entry.rows
            else:
                self._place(entry)
                heappush(self._deadlines, (entry.deadline, entry.ticket, entry))
        if len(self._deadlines) > 2 * self.placed + SPARE_DEADLINES:
            self._deadlines = [item for item in self._deadlines if item[2].plan is not None]
            heapify(self._deadlines)

    def _place(self, entry: Entry) -> None:
        entry.ticket = next(self._tickets)
        entry.waiting_rows = entry.rows - entry.dispatched_rows
        self.placed += 1
        if not self.row_independent or entry.waiting_rows > self.max_rows or entry.dispatched_rows:
            lane = _Lane(None)
            self._plan(entry, self._pieces(entry))
        else:
            lane = self._lane_of.get(id(entry.group)) or self._open_lane(entry.group)
            last = lane.last
            if last is not None and last.entries and last.rows + entry.rows <= self.max_rows:
                last.entries += 1
                last.rows += entry.rows
                entry.plan = last
            else:
                lane.last = self._plan(entry, 1)
        lane.entries.append(entry)
        if len(lane.entries) == 1:
            heappush(self._lanes, (entry.ticket, lane))

    def _open_lane(self, group: BatchGroup) -> _Lane:
        lane = self._lane_of[id(group)] = _Lane(group)
        return lane

    def _pieces(self, entry: Entry) -> int:
        return -(-entry.waiting_rows // self.max_rows) if self.row_independent else 1

    def _plan(self, entry: Entry, runs: int) -> _Plan:
        entry.plan = plan = _Plan(runs, entry.rows)
        self._runs += runs
        return plan

    def _leave(self, entry: Entry) -> None:
        """Counts an entry no longer, though it may still stand in its lane; a second call changes nothing."""
        plan, entry.plan = entry.plan, None
        if plan is None:
            return
        self.rows -= entry.waiting_rows
        entry.waiting_rows = 0
        plan.entries -= 1
        if not plan.entries:
            self._runs -= plan.runs

    def _drop_done(self, lane: _Lane) -> None:
        while lane.entries and lane.entries[0].done:
            self._pop(lane)

    def _pop(self, lane: _Lane) -> Entry:
        entry = lane.entries.popleft()
        self.placed -= 1
        self._leave(entry)
        return entry

    def _take(self, lane: _Lane) -> Batch:
        """Takes a batch from a lane whose first entry is not done, and puts the lane back if entries are left."""
        first = lane.entries[0]
        if not self.row_independent:
            batch = Batch([self._pop(lane)], first.rows)
        elif first.rows > self.max_rows or first.dispatched_rows:
            batch = self._take_piece(lane)
        else:
            batch = self._take_whole(lane)
        self._drop_done(lane)
        if lane.entries:
            heappush(self._lanes, (lane.entries[0].ticket, lane))
        else:
            self._lane_of.pop(id(lane.group), None)
        return batch

    def _take_whole(self, lane: _Lane) -> Batch:
        entries: list[Entry] = []
        rows = 0
        while lane.entries and rows + lane.entries[0].rows <= self.max_rows:
            entry = self._pop(lane)
            if not entry.done:
                entries.append(entry)
                rows += entry.rows
        return Batch(entries, rows)

    def _take_piece(self, lane: _Lane) -> Batch:
        """Takes the next piece of a large entry; its rest waits in a lane of its own, behind all others."""
        entry = self._pop(lane)
        start = entry.dispatched_rows
        rows = min(entry.rows - start, self.max_rows)
        entry.dispatched_rows += rows
        if entry.dispatched_rows < entry.rows:
            self.rows += entry.rows - entry.dispatched_rows
            self._place(entry)
        return Batch([entry], rows, start)
