"""What all workers are told by `workers.py`. Where to call, and with which keys, is in the environment."""

import argparse

ACCOUNT = "123456789012"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("activities", nargs="+")
    parser.add_argument("--seconds", type=float, default=0, help="how long a task takes")
    parser.add_argument("--heartbeat", type=float, default=20)
    parser.add_argument("--max-tasks", type=int, default=100)
    parser.add_argument("--max-polls", type=int, default=100)
    return parser.parse_args()


def arn(name: str) -> str:
    """An activity's ARN."""
    return f"arn:aws:states:us-east-1:{ACCOUNT}:activity:{name}"
