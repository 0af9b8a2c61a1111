package counterfoil.actions.cloud_test

import data.counterfoil.actions.cloud
import data.counterfoil.lib.sample_test as sample

aws(action, arn) := {
	"family": "cloud",
	"verb": action,
	"object": {"kind": "aws", "account": "shop", "arn": arn},
	"details": {"parts": split(arn, "/")},
}

change(verb, kind) := {
	"family": "cloud",
	"verb": verb,
	"object": {"kind": "terraform", "workspace": "infra", "resource_type": kind, "name": "x.y"},
	"details": {"plan": "sha256:00"},
}

terms := {"approvers": ["leads"], "quorum": 1, "expires_in_seconds": 60}

access := {"default": {
	"roles": data.data.access.default.roles,
	"cloud": {
		"accounts": {"shop": {
			"s3:GetObject": {"teammate": {"effect": "allow", "below": {"arn:aws:s3:::carts/in": true}}},
			"s3:ListBucket": {"teammate": {"effect": "allow", "arns": {"arn:aws:s3:::carts": true}}},
			"s3:ListAllMyBuckets": {"teammate": {"effect": "allow", "arns": {"*": true}}},
			"s3:DeleteObject": {"teammate": {"effect": "release", "below": {"arn:aws:s3:::carts": true}}},
			"iam:CreateAccessKey": {"teammate": {"effect": "allow", "arns": {"arn:aws:iam::1:user/a": true}}},
		}},
		"workspaces": {"infra": {"aws_sqs_queue": {
			"create": {"teammate": {"effect": "allow"}},
			"update": {"teammate": {"effect": "allow", "arns": {}}},
			"delete": {"teammate": {"effect": "release"}},
		}}},
	},
	"approvals": {"release": terms},
}}

allowed := {
	"an object below the path": aws("s3:GetObject", "arn:aws:s3:::carts/in/7.json"),
	"a bucket named whole": aws("s3:ListBucket", "arn:aws:s3:::carts"),
	"an action on no resource": aws("s3:ListAllMyBuckets", "*"),
	"a new queue of a plan": change("create", "aws_sqs_queue"),
}

test_allowed[name] if {
	some name, op in allowed
	cloud.allow == {0} with input as sample.of("cloud", [op]) with data.data.access as access
}

not_allowed := {
	"an object above the path": aws("s3:GetObject", "arn:aws:s3:::carts/7.json"),
	"a path that begins alike": aws("s3:GetObject", "arn:aws:s3:::carts/in2/7.json"),
	"another bucket": aws("s3:GetObject", "arn:aws:s3:::carts2/in/7.json"),
	"the path itself": aws("s3:GetObject", "arn:aws:s3:::carts/in"),
	"another action": aws("s3:PutObject", "arn:aws:s3:::carts/in/7.json"),
	"another account": object.union(aws("s3:ListBucket", "arn:aws:s3:::carts"), {"object": {"account": "bank"}}),
	"a pattern where a name is": aws("s3:ListBucket", "*"),
	"another type of a plan": change("create", "aws_iam_role"),
	"a limit that means nothing there": change("update", "aws_sqs_queue"),
	"another kind": object.union(change("create", "aws_sqs_queue"), {"object": {"kind": "pulumi"}}),
	"another family's operation": object.union(change("create", "aws_sqs_queue"), {"family": "shell"}),
}

test_not_allowed[name] if {
	some name, op in not_allowed
	asked := sample.of("cloud", [op])
	cloud.allow == set() with input as asked with data.data.access as access
	cloud.needs_approval == {} with input as asked with data.data.access as access
}

waiting := {
	"deleting an object": aws("s3:DeleteObject", "arn:aws:s3:::carts/7.json"),
	"deleting a queue": change("delete", "aws_sqs_queue"),
}

test_needs_approval[name] if {
	some name, op in waiting
	asked := sample.of("cloud", [op])
	cloud.allow == set() with input as asked with data.data.access as access
	cloud.needs_approval == {0: {terms}} with input as asked with data.data.access as access
}

test_no_role_makes_standing_credentials if {
	found := cloud.deny with input as sample.of("cloud", [aws("iam:CreateAccessKey", "arn:aws:iam::1:user/a")])
		with data.data.access as access
	{reason.code | some reason in found} == {"cloud.closed_action"}
	foreign := object.union(aws("iam:CreateAccessKey", "*"), {"family": "shell"})
	cloud.deny == set() with input as sample.of("shell", [foreign])
}

test_what_is_applied_is_the_plan_that_was_judged if {
	found := cloud.obligations with input as sample.of("cloud", [change("create", "aws_sqs_queue")])
	found == {{"type": "plan_digest", "sha256": "sha256:00", "operations": [0]}}
	none := cloud.obligations with input as sample.of("cloud", [aws("s3:ListBucket", "arn:aws:s3:::carts")])
	none == set()
}

test_development_gives_nothing if {
	cloud.allow == set() with input as sample.of("cloud", [aws("s3:ListAllMyBuckets", "*")])
}
