"""Machines as authors write them under mypy's plugin for pydantic, which wants keywords."""

from asfini import And, Catcher, Condition, Fail, IsPresent, NumericGreaterThan, Pass, Retrier, Succeed, Wait
from asfini.asl import Choice, Definition, Parallel, Task, TimestampEquals

end = Succeed(name="paid", comment="all is well")
pay = Task(name="pay", resource="arn:aws:lambda:us-east-1:123456789012:function:pay", timeout_seconds=60)
wait = Wait(name="cool off", seconds=3600)
note = Pass(name="note", result={"n": 1}, result_path=None)
failed = Fail(name="failed", error="CardDeclined")
chain = wait >> note >> pay >> end
pay.retriers = [Retrier(error_equals=["States.Timeout"], max_attempts=2)]
pay.catchers = [Catcher(error_equals=["States.ALL"], next=failed)]
large = NumericGreaterThan(variable="$.pence", value=50_00)
rule = And(rules=[large, IsPresent(variable="$.customer", value=True)], next="pay")
size = Choice(name="size", choices=[rule, Condition(condition="{% $n > 10 %}", next="pay")], default="paid")
size.add(TimestampEquals(variable="$.due", value="2030-01-01T00:00:00Z"), wait)
both = Parallel(name="both", branches=[Definition.starting_at(wait)])
