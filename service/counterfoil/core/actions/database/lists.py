"""The allow-lists: what is known to be harmless in PostgreSQL 15 to 18, and nothing else.

All names are looked up in `pg_catalog` alone, because the session that the answer demands
has `search_path = pg_catalog, pg_temp` and functions and operators are never searched in
`pg_temp`. A name that is absent here is `uncertain`, whatever it does.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ROW_FUNCTIONS: Final = _words("""
    any_out any_value anycompatible_out anycompatiblenonarray_out anyelement_out
    anynonarray_out array_agg concat count cume_dist dense_rank first_value hash_record
    json_agg json_agg_strict json_build_array json_build_object jsonb_agg jsonb_agg_strict
    jsonb_build_array jsonb_build_object lag last_value lead max min mode num_nonnulls
    num_nulls percent_rank pg_collation_for pg_column_compression pg_column_size
    pg_column_toast_chunk_id pg_restore_attribute_stats pg_restore_relation_stats pg_typeof
    quote_literal quote_nullable rank record_out record_send row_to_json to_json to_jsonb
""")
"""Functions that take one row: `t.row_to_json` calls one when `t` has no such column, and
then reads the whole row. Taken from `pg_proc` of PostgreSQL 18 by argument type."""

OPERATORS: Final = _words("""
    = <> != < > <= >= + - * / % ^ |/ ||/ @ & | # ~ << >> ||
    ~~ !~~ ~~* !~~* ~* !~ !~* ^@
    -> ->> #> #>> @> <@ ? ?| ?& #- @? @@ && -|- &< &>
    !! ## &<| *< *<= *<> *= *> *>= <-> <<= <<| <^ >>= >^ ?# ?- ?-| ?|| @-@ @@@ |&> |>>
    ~<=~ ~<~ ~= ~>=~ ~>~
""")
"""Operators of `pg_catalog`, in every overload pure."""

TYPES: Final = _words("""
    int2 int4 int8 numeric float4 float8 bool text varchar bpchar bytea date time timetz
    timestamp timestamptz interval uuid json jsonb jsonpath bit varbit inet cidr macaddr
    macaddr8 money point line lseg box path polygon circle tsvector tsquery
    int4range int8range numrange tsrange tstzrange daterange
    int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
""")
"""Types whose input, output and casts only look at the value. The `reg*` types look names
up, `xml` parses documents, domains run CHECK, and user types run their owner's code."""

SYSTEM_COLUMNS: Final = _words("ctid xmin xmax cmin cmax tableoid")
"""Columns that every table has and no list shows."""

SERIAL_TYPES: Final = _words("serial serial2 serial4 serial8 smallserial bigserial")
"""Not types: the server makes a sequence in the table's schema."""

COLLATIONS: Final = _words("C POSIX default ucs_basic")

KEYWORDS: Final = _words("""
    all analyse analyze and any array as asc asymmetric authorization between bigint binary
    bit boolean both case cast char character check coalesce collate collation column
    concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from
    full grant greatest group grouping having ilike in initially inner inout int integer
    intersect interval into is isnull join json json_array json_arrayagg json_exists
    json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out
    outer overlaps overlay placing position precision primary real references returning right
    row select session_user setof similar smallint some substring symmetric system_user table
    tablesample then time timestamp to trailing treat trim true union unique user using
    values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
""")
"""Every keyword of PostgreSQL 18 but the unreserved ones (`pg_get_keywords()`): quoted as
identifiers by the server's own `quote_ident`."""

OPERATOR_CLASSES: Final = _words("""
    array_ops bit_ops bool_ops bpchar_ops bpchar_pattern_ops box_ops bytea_ops char_ops cidr_ops
    circle_ops date_ops enum_ops float4_ops float8_ops inet_ops int2_ops int4_ops int8_ops
    interval_ops jsonb_ops jsonb_path_ops kd_point_ops macaddr8_ops macaddr_ops money_ops
    multirange_ops numeric_ops point_ops poly_ops quad_point_ops range_ops text_ops
    text_pattern_ops time_ops timestamp_ops timestamptz_ops timetz_ops tsquery_ops tsvector_ops
    uuid_ops varbit_ops varchar_ops varchar_pattern_ops
    inet_minmax_ops int4_minmax_ops int8_minmax_ops date_minmax_ops timestamptz_minmax_ops
    timestamp_minmax_ops text_minmax_ops uuid_minmax_ops numeric_minmax_ops
""")
"""Operator classes of `pg_catalog`."""
