"""sfini: a Choice that leads back until a counter is large enough."""

import sfini

activities = sfini.ActivityRegistration(prefix="loops-")


@activities.activity("increment", heartbeat=1)
def increment_activity(data):
    return data["counter"] + data["increment"]


begin = sfini.Pass("begin", result=0, result_path="$.counter")
increment = sfini.Task("increment", increment_activity, result_path="$.counter")
begin.goes_to(increment)
check = sfini.Choice("check")
increment.goes_to(check)
check.add(sfini.NumericLessThan("$.counter", 10, increment))
check.set_default(sfini.Succeed("end", output_path="$.counter"))
machine = sfini.construct_state_machine("looping", begin)
activities.register()
machine.register()
worker = sfini.Worker(increment_activity)
worker.start()
execution = machine.start_execution(execution_input={"increment": 3})
execution.wait()
print(execution.output)
worker.end()
worker.join()
activities.deregister()
machine.deregister()
