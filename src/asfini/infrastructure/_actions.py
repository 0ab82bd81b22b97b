"""What IAM calls services and their actions that definitions call by the names of AWS's SDK for Java."""

_WITH_HYPHENS = (
    "access-analyzer account-access acm-pca agent-registry app-integrations application-autoscaling "
    "application-cost-profiler application-signals arc-region-switch arc-zonal-shift autoscaling-plans "
    "backup-gateway backup-search bcm-dashboards bcm-data-exports bcm-pricing-calculator "
    "bcm-recommended-actions bedrock-agentcore cleanrooms-ml cloudfront-keyvaluestore cloudtrail-data "
    "codeguru-profiler codeguru-reviewer codeguru-security codestar-connections codestar-notifications "
    "cognito-identity cognito-sync compute-optimizer connect-campaigns cost-optimization-hub devops-guru "
    "docdb-elastic ec2-instance-connect ecr-public eks-auth elemental-inference emr-containers "
    "emr-serverless end-user-messaging geo-maps geo-places geo-routes inspector-scan kendra-ranking "
    "license-manager license-manager-linux-subscriptions license-manager-user-subscriptions "
    "managedblockchain-query mediapackage-vod medical-imaging migrationhub-orchestrator "
    "migrationhub-strategy neptune-graph network-firewall network-security-manager notifications-contacts "
    "nova-act payment-cryptography pca-connector-ad pca-connector-scep rds-data redshift-data "
    "redshift-serverless resource-explorer-2 resource-groups route53-recovery-cluster "
    "route53-recovery-control-config route53-recovery-readiness s3-outposts sagemaker-geospatial "
    "security-ir snow-device-management social-messaging ssm-contacts ssm-guiconnect ssm-incidents "
    "ssm-quicksetup ssm-sap timestream-influxdb vpc-lattice waf-regional workspaces-instances "
    "workspaces-web"
)
"""Prefixes of IAM's that definitions write without hyphens."""
_OTHERS = {
    "aco-automation": "computeoptimizerautomation",
    "agent-registry": "agentregistrycontrol",
    "aidevops": "devopsagent",
    "airflow": "mwaa",
    "airflow-serverless": "mwaaserverless",
    "aoss": "opensearchserverless",
    "apigateway": "apigatewayv2",
    "appconfig": "appconfigdata",
    "aps": "amp",
    "aws-marketplace": "marketplaceagreement marketplacecatalog marketplacedeployment marketplacediscovery "
    "marketplaceentitlement marketplacemetering marketplacereporting",
    "bedrock": "bedrockagent bedrockagentruntime bedrockdataautomation bedrockdataautomationruntime "
    "bedrockruntime",
    "bedrock-agentcore": "bedrockagentcorecontrol",
    "cases": "connectcases",
    "cassandra": "keyspaces keyspacesstreams",
    "ce": "costexplorer",
    "chime": "chimesdkidentity chimesdkmediapipelines chimesdkmeetings chimesdkmessaging chimesdkvoice",
    "cloudformation": "cloudcontrol",
    "cloudhsm": "cloudhsmv2",
    "cloudsearch": "cloudsearchdomain",
    "cloudwatch": "cloudwatchomni",
    "cognito-idp": "cognitoidentityprovider",
    "connect": "connectcontactlens",
    "connect-campaigns": "connectcampaignsv2",
    "cur": "costandusagereport",
    "discovery": "applicationdiscovery",
    "dms": "databasemigration",
    "ds": "directory",
    "ds-data": "directoryservicedata",
    "dynamodb": "dynamodbstreams",
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elasticloadbalancingv2",
    "elasticmapreduce": "emr",
    "es": "elasticsearch opensearch",
    "events": "eventbridge eventbridgev2",
    "execute-api": "apigatewaymanagementapi connectparticipant",
    "forecast": "forecastquery",
    "geo": "location",
    "greengrass": "greengrassv2",
    "health-agent": "connecthealth",
    "iam": "iamtoolbox",
    "iot": "iotdataplane iotsecuretunneling",
    "iotjobsdata": "iotjobsdataplane",
    "ivs": "ivsrealtime",
    "kinesisanalytics": "kinesisanalyticsv2",
    "kinesisvideo": "kinesisvideoarchivedmedia kinesisvideomedia kinesisvideosignaling "
    "kinesisvideowebrtcstorage",
    "lambda": "lambdacore lambdamicrovms lambdaweb",
    "lex": "lexmodelbuilding lexmodelsv2 lexruntime lexruntimev2",
    "logs": "cloudwatchlogs",
    "mechanicalturk": "mturk",
    "mediastore": "mediastoredata",
    "mgh": "migrationhub migrationhubconfig",
    "mobiletargeting": "pinpoint",
    "neptune-db": "neptunedata",
    "partnercentral": "partnercentralaccount partnercentralbenefits partnercentralchannel "
    "partnercentralrevenuemeasurement "
    "partnercentralselling",
    "payment-cryptography": "paymentcryptographydata",
    "personalize": "personalizeevents personalizeruntime",
    "profile": "customerprofiles",
    "rds": "docdb neptune",
    "refactor-spaces": "migrationhubrefactorspaces",
    "resiliencehub": "resiliencehubv2",
    "s3": "s3control",
    "sagemaker": "sagemakera2iruntime sagemakeredge sagemakerfeaturestoreruntime sagemakerjobruntime "
    "sagemakermetrics "
    "sagemakerruntime sagemakertrainingsessionruntime",
    "scn": "supplychain",
    "sdb": "simpledb simpledbv2",
    "serverlessrepo": "serverlessapplicationrepository",
    "servicecatalog": "servicecatalogappregistry",
    "ses": "mailmanager pinpointemail sesv2",
    "signer": "signerdata",
    "sms-voice": "pinpointsmsvoice pinpointsmsvoicev2",
    "sso": "ssoadmin",
    "sso-oauth": "ssooidc",
    "states": "sfn",
    "tag": "resourcegroupstaggingapi",
    "tax": "taxsettings",
    "thinclient": "workspacesthinclient",
    "timestream": "timestreamquery timestreamwrite",
    "wisdom": "qconnect",
}
"""Prefixes of IAM's, and services of another name that have them: mostly what requests are signed for."""
_PREFIXES = {prefix.replace("-", ""): prefix for prefix in _WITH_HYPHENS.split()} | {
    service: prefix for prefix, services in _OTHERS.items() for service in services.split()
}

_COPY = "s3:GetObject s3:PutObject"
_QUERIES = "dynamodb:PartiQLDelete dynamodb:PartiQLInsert dynamodb:PartiQLSelect dynamodb:PartiQLUpdate"
_ACTIONS = {
    "apigatewaymanagementapi:deleteConnection": "execute-api:ManageConnections",
    "apigatewaymanagementapi:getConnection": "execute-api:ManageConnections",
    "apigatewaymanagementapi:postToConnection": "execute-api:ManageConnections",
    "bedrockruntime:converse": "bedrock:InvokeModel",
    "bedrockruntime:startAsyncInvoke": "bedrock:InvokeModel",
    "dynamodb:batchExecuteStatement": _QUERIES,
    "dynamodb:executeStatement": _QUERIES,
    "dynamodb:executeTransaction": _QUERIES,
    "dynamodb:transactGetItems": "dynamodb:GetItem",
    "dynamodb:transactWriteItems": "dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:PutItem "
    "dynamodb:UpdateItem",
    "lambda:invoke": "lambda:InvokeFunction",
    "s3:completeMultipartUpload": "s3:PutObject",
    "s3:copyObject": _COPY,
    "s3:createMultipartUpload": "s3:PutObject",
    "s3:deleteBucketCors": "s3:PutBucketCORS",
    "s3:deleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:deleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:deleteBucketReplication": "s3:PutReplicationConfiguration",
    "s3:deleteBucketTagging": "s3:PutBucketTagging",
    "s3:deleteObjects": "s3:DeleteObject",
    "s3:deletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:getBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:getBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:getBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:getBucketReplication": "s3:GetReplicationConfiguration",
    "s3:getPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:headBucket": "s3:ListBucket",
    "s3:headObject": "s3:GetObject",
    "s3:listBuckets": "s3:ListAllMyBuckets",
    "s3:listMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:listObjectVersions": "s3:ListBucketVersions",
    "s3:listObjects": "s3:ListBucket",
    "s3:listObjectsV2": "s3:ListBucket",
    "s3:listParts": "s3:ListMultipartUploadParts",
    "s3:putBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:putBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:putBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:putBucketReplication": "s3:PutReplicationConfiguration",
    "s3:putPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:selectObjectContent": "s3:GetObject",
    "s3:uploadPart": "s3:PutObject",
    "s3:uploadPartCopy": _COPY,
    "sqs:changeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:deleteMessageBatch": "sqs:DeleteMessage",
    "sqs:sendMessageBatch": "sqs:SendMessage",
}
"""Actions that IAM calls otherwise, or that take several of its own: the Service Authorization Reference."""
_METHODS = {"create": "POST", "delete": "DELETE", "get": "GET", "put": "PUT", "update": "PATCH"}
"""How API Gateway's actions are allowed: by the method of the request. All others are of several."""


def prefix_of(service: str) -> str:
    """IAM's prefix of a service, as in `aws-sdk` resources: `cloudwatchlogs` is `logs`."""
    return _PREFIXES.get(service, service)


def actions_of(service: str, action: str) -> str:
    """IAM's actions that a call takes, separated by blanks; by and large the one of the same name."""
    if known := _ACTIONS.get(f"{service}:{action}"):
        return known
    prefix = prefix_of(service)
    if prefix == "apigateway":
        methods = [method for verb, method in _METHODS.items() if action.startswith(verb)]
        return " ".join(f"apigateway:{method}" for method in methods or _METHODS.values())
    return f"{prefix}:{action[:1].upper()}{action[1:]}"
