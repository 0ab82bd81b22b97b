"""A worker of threads with boto3: some poll, one for each task works, and eight send all heartbeats."""

import heapq
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from options import arn, options

GIVEN = options()
BEATERS = 8


class Beats:
    """Heartbeats of all tasks in work, by when they are due."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._heap: list[tuple[float, str]] = []
        self._alive: set[str] = set()
        self._changed = threading.Condition()

    def begin(self, token: str) -> None:
        """Send a task's heartbeats."""
        with self._changed:
            self._alive.add(token)
            heapq.heappush(self._heap, (time.monotonic() + GIVEN.heartbeat, token))
            self._changed.notify()

    def end(self, token: str) -> None:
        """Send them no more."""
        with self._changed:
            self._alive.discard(token)

    def _next(self) -> str | None:
        with self._changed:
            while not self._heap or self._heap[0][0] > time.monotonic():
                self._changed.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
            due, token = heapq.heappop(self._heap)
            if token not in self._alive:
                return None
            heapq.heappush(self._heap, (due + GIVEN.heartbeat, token))
            return token

    def send(self) -> None:
        """Send what is due, for ever."""
        while True:
            if token := self._next():
                try:
                    self._client.send_task_heartbeat(taskToken=token)
                except self._client.exceptions.TaskTimedOut:
                    self.end(token)


def main() -> None:
    """Work until it is killed."""
    threading.stack_size(256 * 1024)
    config = Config(read_timeout=75, max_pool_connections=GIVEN.max_polls + 500)
    client = boto3.client("stepfunctions", config=config)
    slots, beats = threading.Semaphore(GIVEN.max_tasks), Beats(client)

    def do(found: dict[str, Any]) -> None:
        json.loads(found["input"])
        time.sleep(GIVEN.seconds)
        beats.end(found["taskToken"])
        client.send_task_success(taskToken=found["taskToken"], output='{"ok": true}')
        slots.release()

    def poll(name: str, pool: ThreadPoolExecutor) -> None:
        while True:
            slots.acquire()
            found = client.get_activity_task(activityArn=arn(name), workerName="w")
            if found.get("taskToken"):
                beats.begin(found["taskToken"])
                pool.submit(do, found)
            else:
                slots.release()

    with ThreadPoolExecutor(GIVEN.max_tasks) as pool:
        for _ in range(BEATERS):
            threading.Thread(target=beats.send, daemon=True).start()
        for name in GIVEN.activities:
            for _ in range(GIVEN.max_polls):
                threading.Thread(target=poll, args=(name, pool), daemon=True).start()
        print("ready", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
