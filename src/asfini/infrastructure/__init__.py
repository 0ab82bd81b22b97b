"""Machines in CloudFormation's and SAM's templates, and the IAM policies that they and their users need."""

from asfini.infrastructure.policies import required_policy, starter_policy, worker_policy
from asfini.infrastructure.templates import cloudformation_resource, cloudformation_template, sam_resource

__all__ = [
    "cloudformation_resource",
    "cloudformation_template",
    "required_policy",
    "sam_resource",
    "starter_policy",
    "worker_policy",
]
