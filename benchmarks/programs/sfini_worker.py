"""Workers of sfini's for one activity, in the environment that has sfini."""

import threading
import time

import sfini.activity
import sfini.worker
from options import ACCOUNT, options
from sfini import _util

GIVEN = options()


def work(_: object) -> dict[str, bool]:
    """Wait."""
    time.sleep(GIVEN.seconds)
    return {"ok": True}


def main() -> None:
    """Work until it is killed."""
    threading.stack_size(256 * 1024)
    session = _util.AWSSession()
    session.__cache__ = {"account_id": ACCOUNT}
    (name,) = GIVEN.activities
    activity = sfini.activity.CallableActivity(name, work, heartbeat=GIVEN.heartbeat, session=session)
    for number in range(GIVEN.max_polls):
        worker = sfini.worker.Worker(activity, name=f"w{number}", session=session)
        worker._poller.daemon = True
        worker.start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
