"""django-q2's guard of workers, hardened against kill -9 of any of them."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from typing import Any

from django_q import cluster
from django_q.conf import Conf

from config.services.claims import release_all
from config.services.memory import prepare_for_batches

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_RECYCLED = -2
_LOCK_TIMEOUT = 1.0
# Where processors are short, what comes in is accepted before it is stored: the inbox
# is there to wait in, and senders are not.
_POLITENESS = {"ingest": 5}


class QueueSentinel(cluster.Sentinel):
    """Starts all workers afresh when one dies.

    A process killed while it waits for a task keeps the lock of the queue that
    all share, and its successor would wait for ever. What waited in that queue
    were nudges about rows in the database; beat repeats them.
    """

    def start(self) -> None:
        _die_with_parent()
        os.nice(_POLITENESS.get(Conf.CLUSTER_NAME, 0))
        os.register_at_fork(after_in_child=_die_with_parent)
        release_all(Conf.CLUSTER_NAME)
        prepare_for_batches()
        super().start()

    def guard(self) -> None:
        self.start_event.set()
        logger.info("Workers of queue %s are ready.", Conf.CLUSTER_NAME)
        while not self.stop_event.wait(Conf.GUARD_CYCLE):
            dead = [
                process
                for process in (*self.pool, self.monitor, self.pusher)
                if not process.is_alive()
            ]
            if all(self._was_recycled(process) for process in dead):
                for process in dead:
                    self.reincarnate(process)
            else:
                self._start_afresh()
            self._count_down()
        self.stop()

    def _was_recycled(self, process: Any) -> bool:
        # Read without the timer's lock, which a killed process may still hold.
        return process in self.pool and process.timer.get_obj().value == _RECYCLED

    def _start_afresh(self) -> None:
        logger.warning("A worker process died; all workers start afresh.")
        for process in (*self.pool, self.monitor, self.pusher):
            process.kill()
            process.join()
        self.task_queue = cluster.Queue(maxsize=Conf.QUEUE_LIMIT)
        self.result_queue = cluster.Queue()
        self.event_out = cluster.Event()
        release_all(Conf.CLUSTER_NAME)
        self.spawn_cluster()
        self.reincarnations += 1

    def _count_down(self) -> None:
        """Take the time that has passed off the time which tasks may still run."""
        for process in self.pool:
            lock = process.timer.get_lock()
            if not lock.acquire(timeout=_LOCK_TIMEOUT):
                continue
            try:
                if process.timer.value > 0:
                    process.timer.value -= Conf.GUARD_CYCLE
                    if process.timer.value <= 0:
                        logger.error("A task ran too long; its worker is ended.")
                        process.kill()
            finally:
                lock.release()


def _die_with_parent() -> None:
    """No worker outlives its cluster, however that ended. Linux only."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    except (OSError, AttributeError):
        return
