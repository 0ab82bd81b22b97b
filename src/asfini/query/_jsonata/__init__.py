"""JSONata 2.0.6, evaluated within limits; `asfini.query.jsonata` is what to use of it.

In the order in which an expression passes: tokens, parser (with syntax, the nodes), analysis, evaluator (with
paths, operators, transforms), the library of functions, run (the limits).
"""
