"""Reading data as Step Functions does: JSONPath, payload templates, intrinsic functions, JSONata."""
