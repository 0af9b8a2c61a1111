"""The allow-lists: what is known to be harmless in PostgreSQL 15 to 18, and nothing else.

All names are looked up in `pg_catalog` alone, because the session that the answer demands
has `search_path = pg_catalog, pg_temp` and functions and operators are never searched in
`pg_temp`. A name that is absent here is `uncertain`, whatever it does.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS: Final = _words("""
    count sum avg min max array_agg string_agg bool_and bool_or every any_value
    stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp
    percentile_cont percentile_disc mode json_agg jsonb_agg json_object_agg jsonb_object_agg
    row_number rank dense_rank percent_rank cume_dist ntile lag lead
    first_value last_value nth_value
    lower upper initcap length char_length character_length octet_length bit_length btrim
    ltrim rtrim trim substring substr left right replace translate reverse split_part strpos
    position overlay lpad rpad concat concat_ws starts_with ascii chr md5 sha256 sha512
    encode decode quote_literal quote_ident quote_nullable to_hex like_escape
    similar_to_escape regexp_replace regexp_match regexp_count regexp_instr regexp_like
    regexp_substr regexp_split_to_array string_to_array array_to_string format
    abs ceil ceiling floor round trunc sign sqrt cbrt exp ln log log10 power pow mod div gcd
    lcm degrees radians pi sin cos tan asin acos atan atan2 random width_bucket
    now transaction_timestamp statement_timestamp clock_timestamp age date_part date_trunc
    date_bin extract timezone to_char to_date to_timestamp to_number make_date make_time
    make_timestamp make_timestamptz make_interval justify_days justify_hours
    justify_interval isfinite overlaps
    array_length array_upper array_lower array_ndims array_dims cardinality array_position
    array_positions array_append array_prepend array_cat array_remove array_replace
    json_build_object json_build_array jsonb_build_object jsonb_build_array to_json to_jsonb
    json_array_length jsonb_array_length json_typeof jsonb_typeof json_extract_path
    jsonb_extract_path json_extract_path_text jsonb_extract_path_text jsonb_set
    jsonb_insert jsonb_strip_nulls jsonb_pretty jsonb_path_exists jsonb_path_query_array
    jsonb_path_query_first gen_random_uuid
    isempty lower_inc upper_inc num_nulls num_nonnulls
    to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank
    ts_rank_cd setweight strip
""")
"""Functions of `pg_catalog` that read only their arguments, in every overload.

Left out on purpose: what runs SQL held in text (`query_to_xml`, `ts_stat`, `ts_rewrite`),
reads or moves state (`nextval`, `currval`, `set_config`, `current_setting`, `lo_*`),
signals, sleeps, locks, reads files or the system, returns sets, or builds xml.
"""

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
