"""sfini: its command line over a machine and an activity."""

import sfini

activities = sfini.ActivityRegistration(prefix="cli-")


@activities.activity("print")
def print_activity(data):
    print(data)


machine = sfini.construct_state_machine("printing", sfini.Task("print", print_activity))
sfini.CLI(machine, activities, version="1.0").parse_args()
