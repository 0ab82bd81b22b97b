"""A command line of one's own: register, start, work, list executions.

Run it: python examples/cli.py --help

Offline, in one process: echo '{"from": "me"}' | python examples/cli.py --local start - --wait
With an AWS account: register, then `worker cli-printActivity` in one terminal and `start` in another.
"""

from typing import Any

from asfini import CLI, ActivityRegistration, Task, construct_state_machine

activities = ActivityRegistration(prefix="cli-")


@activities.activity("printActivity")
def print_activity(data: Any) -> None:
    print(data)


machine = construct_state_machine("cli", Task("print", print_activity))

if __name__ == "__main__":
    CLI(machine, activities, version="1.0").parse_args()
