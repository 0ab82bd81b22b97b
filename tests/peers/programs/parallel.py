"""sfini: two branches, of which one waits until a time that an activity gives."""

import datetime
import json

import sfini

activities = sfini.ActivityRegistration(prefix="both-")


@activities.activity("log", heartbeat=1)
def log_activity(data):
    print("level", data["level"])


@activities.activity("tell", heartbeat=1)
def tell_activity(message):
    later = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(seconds=1)
    return later.isoformat()


both = sfini.Parallel("both", result_path="$.parallel", output_path="$.parallel")
both.add(sfini.construct_state_machine("logging", sfini.Task("log", log_activity, result_path=None)))
tell = sfini.Task("tell", tell_activity, result_path="$.until")
tell.goes_to(sfini.Wait("wait", "$.until"))
both.add(sfini.construct_state_machine("telling", tell))
machine = sfini.construct_state_machine("parallel", both)
activities.register()
machine.register()
workers = [sfini.Worker(log_activity), sfini.Worker(tell_activity)]
for worker in workers:
    worker.start()
execution = machine.start_execution(execution_input={"level": 20, "message": "foo"})
execution.wait()
first, second = execution.output
print(json.dumps([first, sorted(second)]))
for worker in workers:
    worker.end()
    worker.join()
activities.deregister()
machine.deregister()
