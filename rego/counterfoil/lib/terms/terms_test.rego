package counterfoil.lib.terms_test

import data.counterfoil.lib.sample_test as sample
import data.counterfoil.lib.terms

operation(patch) := object.union(sample.table("select"), patch)

reads(columns) := operation({"columns": columns})

finds(details) := operation({"details": details})

others(name) := operation({"object": {"name": name}})

open_columns := {"effect": "allow", "not_columns": {"invoices": {"salary": true}}, "otherwise": "ask"}

one_row := {"effect": "allow", "keys": {"invoices": [["id"], ["year", "number"]]}, "otherwise": "ask"}

few_rows := {"effect": "allow", "max_rows": 100}

met := {
	"a word": ["allow", operation({})],
	"a name": [{"effect": "allow", "names": {"invoices": true}}, operation({})],
	"open columns": [open_columns, reads(["id", "name"])],
	"another table as a whole": [open_columns, others("prices")],
	"a column that is closed no longer": [{"effect": "allow", "not_columns": {"invoices": {"salary": false}}}, reads(["salary"])],
	"a key": [one_row, finds({"equal": ["id", "name"]})],
	"a key of two columns": [one_row, finds({"equal": ["number", "year"]})],
	"a key of the catalogue": [one_row, finds({"equal": ["code"], "key": true})],
	"few enough rows": [few_rows, finds({"limit": 100})],
	"all limits at once": [object.union(few_rows, open_columns), object.union(reads(["id"]), finds({"limit": 1}))],
}

test_allows_within_its_limits[name] if {
	some name, [right, op] in met
	terms.effect(right, op) == "allow"
}

beyond := {
	"a closed column": [open_columns, reads(["id", "salary"])],
	"a whole table": [open_columns, finds({"coarse": true})],
	"an empty list of columns": [open_columns, reads([])],
	"half a key": [one_row, finds({"equal": ["year"]})],
	"no key": [one_row, finds({"rows": "all"})],
	"a key that is not one": [one_row, finds({"equal": ["name"], "key": false})],
	"the key of another table": [one_row, operation({"object": {"name": "prices"}, "details": {"equal": ["id"]}})],
}

test_beyond_a_limit_the_other_terms_count[name] if {
	some name, [right, op] in beyond
	terms.effect(right, op) == "ask"
}

silent := {
	"another name": [{"effect": "allow", "names": {"invoices": true}}, others("prices")],
	"a name in other letters": [{"effect": "allow", "names": {"Invoices": true}}, operation({})],
	"names in a list": [{"effect": "allow", "names": ["invoices"]}, operation({})],
	"too many rows": [few_rows, finds({"limit": 101})],
	"as many rows as there are": [few_rows, finds({})],
	"a limit in text": [object.union(few_rows, {"max_rows": "100"}), finds({"limit": 101})],
	"closed columns in a list": [{"effect": "allow", "not_columns": {"invoices": ["salary"]}}, reads(["salary"])],
	"closed columns without a table": [{"effect": "allow", "not_columns": ["salary"]}, reads(["salary"])],
	"an empty key": [{"effect": "allow", "keys": {"invoices": [[]]}}, finds({"equal": ["id"]})],
	"keys in text": [{"effect": "allow", "keys": "id"}, finds({"key": true})],
	"a misspelt limit": [object.union(few_rows, {"max_row": 1}), finds({"limit": 1})],
	"a misspelt limit, and other terms": [{"effect": "allow", "max_row": 1, "otherwise": "allow"}, finds({"limit": 1})],
	"a number": [1, operation({})],
	"no effect": [{"max_rows": 100}, finds({"limit": 1})],
}

test_says_nothing[name] if {
	some name, [right, op] in silent
	not terms.effect(right, op)
}
