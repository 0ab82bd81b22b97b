"""sfini: a task that is too slow at first and is tried again, then fails, which is caught."""

import time

import sfini

activities = sfini.ActivityRegistration(prefix="errors-")
pauses = [9, 0]


class MyError(Exception):
    pass


@activities.activity("raise", heartbeat=1)
def raise_activity(data):
    time.sleep(pauses.pop(0))
    raise MyError("foobar")


failing = sfini.Task("raise", raise_activity, timeout=7)
failing.retry_for(["States.Timeout"], interval=1)
fail = sfini.Fail("fail", error="WorkerError", cause="MyError was raised")
failing.catch(["MyError"], fail, result_path="$.error-info")
machine = sfini.construct_state_machine("handling", failing)
activities.register()
machine.register()
worker = sfini.Worker(raise_activity)
worker.start()
execution = machine.start_execution(execution_input={})
try:
    execution.wait()
except RuntimeError as error:
    print(type(error).__name__)
for line in execution.format_history().splitlines():
    print(line.split(" @ ")[0])
worker.end()
worker.join()
activities.deregister()
machine.deregister()
