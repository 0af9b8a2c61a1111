"""The functions of `pg_catalog` that may be called, and what the known others would do.

All names are looked up in `pg_catalog` alone (lists.py). A function that stands in no list
here is `uncertain`, whatever it does; `SIDE_EFFECTS` only says more of the ones that a person
may ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


AGGREGATES: Final = _words("""
    count sum avg min max array_agg string_agg bool_and bool_or every any_value
    bit_and bit_or bit_xor range_agg range_intersect_agg
    stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
    percentile_cont percentile_disc mode
    json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict
    json_object_agg_strict jsonb_object_agg_strict json_object_agg_unique jsonb_object_agg_unique
    row_number rank dense_rank percent_rank cume_dist ntile lag lead
    first_value last_value nth_value
""")
"""Aggregates and window functions. They read what they are given, in every overload."""

SCALARS: Final = _words("""
    lower upper initcap casefold length char_length character_length octet_length bit_length
    btrim ltrim rtrim trim substring substr left right repeat replace translate reverse
    split_part strpos position overlay lpad rpad concat concat_ws starts_with ascii chr
    md5 sha224 sha256 sha384 sha512 crc32 crc32c bit_count get_bit get_byte set_bit set_byte
    encode decode convert convert_from convert_to to_ascii unistr normalize is_normalized
    quote_literal quote_ident quote_nullable to_hex to_bin to_oct like_escape
    similar_to_escape regexp_replace regexp_match regexp_count regexp_instr regexp_like
    regexp_substr regexp_split_to_array string_to_array array_to_string format
    like notlike parse_ident
    abs ceil ceiling floor round trunc sign sqrt cbrt exp ln log log10 power pow mod div gcd
    lcm degrees radians pi sin cos tan cot asin acos atan atan2 sinh cosh tanh asinh acosh
    atanh sind cosd tand cotd asind acosd atand atan2d erf erfc gamma lgamma factorial scale
    min_scale trim_scale random random_normal width_bucket
    now transaction_timestamp statement_timestamp clock_timestamp timeofday age date_part
    date_trunc date_bin date_add date_subtract extract timezone to_char to_date to_timestamp
    to_number make_date make_time make_timestamp make_timestamptz make_interval
    justify_days justify_hours justify_interval isfinite overlaps
    date time timetz timestamp timestamptz interval int2 int4 int8 float4 float8 numeric text
    varchar bpchar bool
    array_length array_upper array_lower array_ndims array_dims cardinality array_position
    array_positions array_append array_prepend array_cat array_remove array_replace array_fill
    array_sample array_shuffle array_reverse array_sort trim_array array_to_json
    json_build_object json_build_array jsonb_build_object jsonb_build_array to_json to_jsonb
    json_object jsonb_object json_array_length jsonb_array_length json_typeof jsonb_typeof
    json_extract_path jsonb_extract_path json_extract_path_text jsonb_extract_path_text
    jsonb_set jsonb_set_lax jsonb_insert json_strip_nulls jsonb_strip_nulls jsonb_pretty
    jsonb_path_exists jsonb_path_match jsonb_path_query_array jsonb_path_query_first
    jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz jsonb_path_query_first_tz
    jsonb_exists jsonb_exists_any jsonb_exists_all jsonb_contains jsonb_contained row_to_json
    gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version
    isempty lower_inc upper_inc lower_inf upper_inf range_merge multirange num_nulls num_nonnulls
    int4range int8range numrange tsrange tstzrange daterange
    int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
    host hostmask netmask network masklen broadcast family abbrev set_masklen inet_merge
    inet_same_family macaddr8_set7bit
    area center diameter height width isclosed isopen npoints pclose popen radius slope
    bound_box point box circle line lseg path polygon
    ts_rank ts_rank_cd ts_headline setweight strip numnode querytree tsquery_phrase ts_delete
    ts_filter tsvector_to_array array_to_tsvector
    enum_first enum_last enum_range pg_typeof pg_column_size pg_size_pretty
    current_database current_schema version
""")
"""Functions that read only their arguments, in every overload; the last line tells what
everybody who may connect knows."""

SETS: Final = _words("""
    generate_series generate_subscripts unnest string_to_table regexp_matches
    regexp_split_to_table
    json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text
    json_each jsonb_each json_each_text jsonb_each_text json_object_keys jsonb_object_keys
    jsonb_path_query jsonb_path_query_tz json_to_record jsonb_to_record json_to_recordset
    jsonb_to_recordset json_populate_record jsonb_populate_record json_populate_recordset
    jsonb_populate_recordset
""")
"""Functions that return sets of what they are given."""

CONFIGURED: Final[Mapping[str, int]] = {
    "to_tsvector": 2,
    "to_tsquery": 2,
    "plainto_tsquery": 2,
    "phraseto_tsquery": 2,
    "websearch_to_tsquery": 2,
    "json_to_tsvector": 3,
    "jsonb_to_tsvector": 3,
}
"""Functions whose first argument, where there are so many, names a text search configuration.
Without it they use the session's, which is pinned."""

CONFIGURATIONS: Final = _words("""
    arabic armenian basque catalan danish dutch english estonian finnish french german greek
    hindi hungarian indonesian irish italian lithuanian nepali norwegian portuguese romanian
    russian serbian simple spanish swedish tamil turkish yiddish
""")
"""Text search configurations of `pg_catalog`."""

FUNCTIONS: Final = AGGREGATES | SCALARS | SETS

SEQUENCE_FUNCTIONS: Final[Mapping[str, str]] = {
    "nextval": "usage",
    "currval": "select",
    "setval": "update",
}
"""What moves or reads a sequence, and the right that it needs on it (`nextval`: or UPDATE,
`currval`: or USAGE). Read only where the sequence is a plain literal."""

SIDE_EFFECTS: Final[Mapping[str, str]] = {
    name: what
    for what, names in {
        "runs SQL held in text": """
            query_to_xml query_to_xmlschema query_to_xml_and_xmlschema table_to_xml
            table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
            schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema
            database_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema ts_stat ts_rewrite
            dblink dblink_exec dblink_open dblink_send_query""",
        "changes the session": "set_config setseed pg_export_snapshot",
        "reads settings, which may hold secrets": "current_setting pg_show_all_settings",
        "reads or writes files or large objects": """
            lo_import lo_export lo_create lo_creat lo_unlink lo_put lo_get lo_open lo_close
            lo_from_bytea loread lowrite lo_truncate lo_lseek pg_read_file pg_read_binary_file
            pg_ls_dir pg_stat_file pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_current_logfile""",
        "stops or signals other sessions": """
            pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile
            pg_log_backend_memory_contexts pg_promote""",
        "waits": "pg_sleep pg_sleep_for pg_sleep_until",
        "takes locks that others wait for": """
            pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock
            pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_xact_lock
            pg_advisory_unlock pg_advisory_unlock_all""",
        "sends to others": "pg_notify pg_logical_emit_message",
        "reads or moves a sequence that is not named": "lastval",
        "looks names or types up in text": """
            to_regclass to_regproc to_regprocedure to_regtype to_regrole to_regnamespace
            pg_input_is_valid pg_input_error_info""",
    }.items()
    for name in names.split()
}
"""Why a function that is not read is not."""
