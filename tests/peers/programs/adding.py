"""sfini: one activity, whose result is the execution's output."""

import sfini

activities = sfini.ActivityRegistration(prefix="sums-")


@activities.activity(name="add", heartbeat=1)
def add(data):
    return data["a"] + data["b"]


machine = sfini.construct_state_machine("adding", sfini.Task("add", add))
activities.register()
machine.register()
execution = machine.start_execution(execution_input={"a": 3, "b": 42})
worker = sfini.Worker(add)
worker.start()
execution.wait()
print(execution.output)
worker.end()
worker.join()
activities.deregister()
machine.deregister()
print(machine.is_registered(), add.is_registered())
