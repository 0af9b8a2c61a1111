"""Daily jobs on a database that is made here, each a statement or a few: what the proofs run.

Every job works with the permissions that are read from its text, and with nothing less.
The tables belong to an application's role, as they do where people work.
"""

from __future__ import annotations

SET_UP = """
    CREATE ROLE app;
    CREATE ROLE reader;
    CREATE SCHEMA sales;
    CREATE SCHEMA hr;
    GRANT USAGE ON SCHEMA public, sales, hr TO app;
    CREATE TYPE public.mood AS ENUM ('sad', 'ok');
    CREATE TYPE public.pair AS (a int, b text);
    CREATE DOMAIN sales.amount AS numeric CHECK (VALUE >= 0);
    CREATE SEQUENCE public.numbers;
    CREATE SEQUENCE sales."Odd.Seq";
    CREATE TABLE public.customers (id int PRIMARY KEY, name text, region text, email text);
    CREATE TABLE public.invoices (id int PRIMARY KEY, customer int REFERENCES public.customers (id), total int CONSTRAINT positive CHECK (total > 0), note text, k int CONSTRAINT one UNIQUE, x int DEFAULT 1, y int, made date, data jsonb, tags text[]);
    CREATE TABLE sales."Order Lines" (id int PRIMARY KEY, invoice int, amount int);
    CREATE TABLE sales.prices (item int PRIMARY KEY, price int, since date);
    CREATE TABLE sales.stock (item int, place text, left_over int, PRIMARY KEY (item, place));
    CREATE TABLE hr.staff (id int PRIMARY KEY, boss int, name text, salary int, hired timestamptz);
    CREATE TABLE public.logs (id serial PRIMARY KEY, at timestamptz DEFAULT now(), line text);
    CREATE TABLE public.events (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text, weight int, twice int GENERATED ALWAYS AS (weight * 2) STORED);
    CREATE TABLE public.parts (id int, region text) PARTITION BY LIST (region);
    CREATE TABLE public.parts_eu PARTITION OF public.parts FOR VALUES IN ('eu');
    CREATE TABLE public.alone (id int, region text);
    CREATE TABLE public.empty (id int);
    CREATE VIEW public.looks AS SELECT id, total FROM public.invoices;
    CREATE MATERIALIZED VIEW public.sums AS SELECT customer, sum(total) AS total FROM public.invoices GROUP BY customer;
    CREATE INDEX invoices_made ON public.invoices (made);
    INSERT INTO public.customers VALUES (1, 'Ada', 'eu', 'a@x'), (2, 'Bob', 'us', 'b@x');
    INSERT INTO public.invoices (id, customer, total, y, made, data) VALUES (1, 1, 10, 2, '2026-01-01', '{"a": 1}'), (2, 2, 20, 3, '2026-02-01', '{}');
    INSERT INTO public.logs (line) VALUES ('x');
    INSERT INTO sales.prices VALUES (1, 5, '2026-01-01'), (2, 6, '2026-01-01');
    INSERT INTO sales.stock VALUES (1, 'a', 5);
    INSERT INTO hr.staff VALUES (1, NULL, 'Eve', 9, now()), (2, 1, 'Dan', 5, now());
"""
OWNED = """
    TYPE public.mood; TYPE public.pair; TYPE sales.amount; SEQUENCE public.numbers;
    SEQUENCE sales."Odd.Seq"; TABLE public.customers; TABLE public.invoices;
    TABLE sales."Order Lines"; TABLE sales.prices; TABLE sales.stock; TABLE hr.staff;
    TABLE public.logs; TABLE public.events; TABLE public.parts; TABLE public.parts_eu;
    TABLE public.alone; TABLE public.empty; TABLE public.looks; TABLE public.sums
"""

READS = (
    "SELECT id, total FROM public.invoices WHERE id = 1",
    "SELECT id FROM invoices",
    'SELECT i."id" FROM "invoices" AS i',
    "SELECT count(id) FROM public.invoices",
    "SELECT DISTINCT region FROM public.customers ORDER BY region",
    "SELECT region, count(id) AS n FROM public.customers GROUP BY region HAVING count(id) > 0 ORDER BY n DESC LIMIT 5 OFFSET 0",
    "SELECT c.name, sum(i.total) FROM public.customers c JOIN public.invoices i ON i.customer = c.id GROUP BY c.name",
    "SELECT c.name, i.total FROM customers c LEFT JOIN invoices i ON i.customer = c.id WHERE c.region = 'eu'",
    "SELECT c.name FROM public.customers c WHERE EXISTS (SELECT 1 FROM public.invoices i WHERE i.customer = c.id AND i.total > 5)",
    "SELECT c.name FROM public.customers c WHERE c.id NOT IN (SELECT i.customer FROM public.invoices i)",
    "SELECT total, rank() OVER (PARTITION BY customer ORDER BY total DESC) FROM public.invoices",
    "SELECT sum(total) OVER w, avg(total) OVER w FROM public.invoices WINDOW w AS (PARTITION BY customer ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "WITH big AS (SELECT customer, total FROM public.invoices WHERE total > 5) SELECT b.customer, sum(b.total) FROM big b GROUP BY b.customer",
    "WITH a AS (SELECT id FROM public.customers), b AS MATERIALIZED (SELECT a.id FROM a) SELECT b.id FROM b",
    "WITH RECURSIVE chain(id, boss, depth) AS (SELECT s.id, s.boss, 0 FROM hr.staff s WHERE s.boss IS NULL UNION ALL SELECT s.id, s.boss, c.depth + 1 FROM hr.staff s JOIN chain c ON s.boss = c.id) SELECT id, depth FROM chain",
    "WITH RECURSIVE t(id, boss) AS (SELECT id, boss FROM hr.staff WHERE boss IS NULL UNION ALL SELECT s.id, s.boss FROM hr.staff s, t WHERE s.boss = t.id) SEARCH DEPTH FIRST BY id SET o CYCLE id SET again USING path SELECT id, again FROM t ORDER BY o",
    "SELECT id FROM public.invoices UNION ALL SELECT item FROM sales.prices ORDER BY 1",
    "SELECT id FROM public.customers INTERSECT SELECT customer FROM public.invoices",
    "(SELECT id FROM public.customers ORDER BY id LIMIT 1) EXCEPT SELECT item FROM sales.prices",
    'SELECT l.amount FROM sales."Order Lines" l WHERE l.invoice BETWEEN 1 AND 5',
    "SELECT CASE WHEN total > 10 THEN 'big' ELSE 'small' END AS size FROM public.invoices",
    "SELECT coalesce(note, '-'), nullif(total, 0), greatest(total, y) FROM public.invoices",
    "SELECT date_trunc('month', made) AS month, sum(total) FROM public.invoices GROUP BY 1 ORDER BY 1",
    "SELECT extract(year FROM made), to_char(made, 'YYYY-MM'), age(made) FROM public.invoices",
    "SELECT data ->> 'a', data -> 'b' #>> '{c}', data ? 'a', jsonb_typeof(data) FROM public.invoices",
    "SELECT i.id, e.key, e.value FROM public.invoices i, jsonb_each_text(i.data) e",
    "SELECT i.id, t.tag FROM public.invoices i CROSS JOIN LATERAL unnest(i.tags) AS t(tag)",
    "SELECT day::date FROM generate_series('2026-01-01'::date, '2026-01-05'::date, interval '1 day') AS day",
    "SELECT g.n, c.name FROM generate_series(1, 3) WITH ORDINALITY AS g(n, o) LEFT JOIN public.customers c ON c.id = g.n",
    'SELECT x.a, x.b FROM jsonb_to_recordset(\'[{"a":1,"b":"x"}]\') AS x(a int, b text)',
    "SELECT customer, region, sum(total) FROM public.invoices i JOIN public.customers c ON c.id = i.customer GROUP BY GROUPING SETS ((customer, region), ())",
    "SELECT region, grouping(region), count(id) FROM public.customers GROUP BY ROLLUP (region)",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) FROM public.invoices",
    "SELECT string_agg(name, ', ' ORDER BY name) FILTER (WHERE region = 'eu') FROM public.customers",
    "SELECT (SELECT max(p.price) FROM sales.prices p WHERE p.item = i.id) FROM public.invoices i",
    "SELECT id FROM public.invoices WHERE (customer, total) IN (SELECT c.id, 10 FROM public.customers c)",
    "SELECT id FROM public.invoices WHERE total > ALL (SELECT price FROM sales.prices)",
    "SELECT ARRAY(SELECT id FROM public.invoices ORDER BY id)",
    "SELECT id FROM public.looks WHERE total > 5",
    "SELECT total FROM public.sums",
    "SELECT id FROM public.parts WHERE region = 'eu'",
    "SELECT id FROM public.parts_eu",
    "SELECT id FROM public.invoices TABLESAMPLE SYSTEM (50) REPEATABLE (1)",
    "SELECT ctid, xmin FROM public.invoices",
    "SELECT last_value FROM public.numbers",
    "SELECT id FROM public.invoices FOR UPDATE",
    "SELECT id FROM public.invoices WHERE id = 1 FOR NO KEY UPDATE SKIP LOCKED",
    "SELECT c.id FROM public.customers c JOIN public.invoices i ON i.customer = c.id FOR SHARE OF c NOWAIT",
    "SELECT x.id FROM (SELECT id FROM public.invoices) x FOR KEY SHARE",
    "SELECT JSON_OBJECT('id': id, 'total': total) FROM public.invoices",
    "SELECT JSON_VALUE(data, '$.a' RETURNING int) FROM public.invoices WHERE data IS JSON",
    "SELECT hired + make_interval(days => 3) FROM hr.staff",
    "TABLE public.empty",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT now(), 1 + 1, current_user",
    "SELECT nextval('public.numbers')",
    "SELECT nextval('numbers'::regclass)",
    "SELECT currval('public.numbers') FROM (SELECT nextval('public.numbers')) AS n",
    "SELECT setval('sales.\"Odd.Seq\"', 5, true)",
    "SELECT 'ok'::text COLLATE \"C\" < 'x', 1::bigint, CAST('1 day' AS interval), '{1,2}'::int[]",
    "SELECT h.name FROM hr.staff h WHERE h.hired > now() - interval '1 year'",
    "SELECT a.id FROM public.invoices a, public.invoices b WHERE a.id = b.customer",
    "SELECT x.id FROM (SELECT id, row_number() OVER (ORDER BY total) AS n FROM public.invoices) x WHERE x.n = 1",
    "SELECT sub.region FROM (SELECT region, count(id) AS n FROM customers GROUP BY region) AS sub WHERE sub.n > 0",
    "SELECT id FROM public.invoices WHERE note ILIKE '%x%' OR note SIMILAR TO 'a|b' OR note ~* 'c' OR note IS DISTINCT FROM 'd'",
    "SELECT id FROM public.invoices WHERE tags @> ARRAY['a'] AND 'b' = ANY (tags) AND tags[1] = 'c'",
    "EXPLAIN SELECT id FROM public.invoices",
    "EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT total FROM public.invoices WHERE id = 1",
    "EXPLAIN ANALYZE UPDATE public.invoices SET note = 'x' WHERE id = 1",
    "SHOW server_version",
    "COPY public.customers (id, name) TO STDOUT WITH (FORMAT csv, HEADER)",
    "COPY (SELECT id, total FROM public.invoices WHERE total > 5) TO STDOUT",
)

WRITES = (
    "INSERT INTO public.empty (id) VALUES (1), (2)",
    "INSERT INTO empty (id) VALUES (1)",
    "INSERT INTO public.customers (id, name) VALUES (9, 'New') RETURNING id",
    "INSERT INTO public.customers (id, name) SELECT s.id + 100, s.name FROM hr.staff s",
    "INSERT INTO public.customers AS c (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE c.region = 'eu'",
    "INSERT INTO public.customers (id, name) VALUES (1, 'x') ON CONFLICT DO NOTHING",
    "INSERT INTO public.customers (id, name) VALUES (1, 'x') ON CONFLICT (id) DO NOTHING",
    "INSERT INTO public.events (kind, weight) VALUES ('a', 1)",
    "INSERT INTO public.invoices (id, customer, total) VALUES (7, 1, 5)",
    "INSERT INTO public.parts (id, region) VALUES (1, 'eu')",
    "WITH gone AS (DELETE FROM public.alone WHERE id = 1 RETURNING id, region) INSERT INTO public.parts (id, region) SELECT id, 'eu' FROM gone",
    "UPDATE public.invoices SET note = 'x'",
    "UPDATE invoices SET note = 'x' WHERE id = 1",
    "UPDATE public.invoices SET total = total + 1, note = upper(note) WHERE customer = 1 RETURNING id",
    "UPDATE public.invoices i SET note = c.name FROM public.customers c WHERE c.id = i.customer",
    "UPDATE public.invoices SET (note, total) = (SELECT p.since::text, p.price FROM sales.prices p WHERE p.item = 1) WHERE id = 1",
    "UPDATE public.invoices SET x = DEFAULT WHERE id = 1",
    "UPDATE public.invoices SET data = jsonb_set(data, '{a}', '2') WHERE data @> '{\"a\": 1}'",
    "UPDATE sales.stock SET left_over = left_over - 1 WHERE item = 1 AND place = 'a'",
    "WITH top AS (SELECT id FROM public.invoices ORDER BY total DESC LIMIT 1) UPDATE public.invoices i SET note = 'top' FROM top WHERE top.id = i.id",
    "DELETE FROM public.empty",
    "DELETE FROM public.alone WHERE id = 7",
    "DELETE FROM public.alone a USING public.customers c WHERE c.id = a.id AND c.region = 'eu'",
    "DELETE FROM public.alone WHERE id IN (SELECT i.id FROM public.invoices i) RETURNING region",
    "MERGE INTO sales.stock s USING sales.prices p ON s.item = p.item WHEN MATCHED THEN UPDATE SET left_over = p.price WHEN NOT MATCHED THEN INSERT (item, place, left_over) VALUES (p.item, 'b', 0)",
    "MERGE INTO public.alone a USING public.customers c ON a.id = c.id WHEN MATCHED AND c.region = 'eu' THEN DELETE WHEN NOT MATCHED THEN DO NOTHING",
    "MERGE INTO public.alone AS a USING (SELECT c.id, c.region FROM public.customers c) AS n ON a.id = n.id WHEN NOT MATCHED THEN INSERT (id, region) VALUES (n.id, n.region)",
    "MERGE INTO public.alone USING sales.prices p ON true WHEN MATCHED AND p.price > 5 THEN DELETE",
    "MERGE INTO public.alone a USING (VALUES (1)) AS v (n) ON a.id = v.n WHEN NOT MATCHED BY SOURCE THEN UPDATE SET region = 'x' RETURNING a.id",
    "INSERT INTO public.alone (id) VALUES (1) RETURNING id, region",
    "UPDATE public.parts SET region = 'eu' WHERE id = 1",
    "TRUNCATE public.empty",
    "TRUNCATE TABLE ONLY public.alone, public.empty",
    "LOCK TABLE public.invoices IN ACCESS SHARE MODE",
    "LOCK TABLE public.invoices IN ROW EXCLUSIVE MODE",
    "LOCK public.invoices",
)

SHAPES = (
    "CREATE STATISTICS public.together (ndistinct, mcv) ON customer, total FROM public.invoices",
    "CREATE STATISTICS sales.together ON (total + 1), customer FROM public.invoices",
    "CREATE POLICY mine ON public.invoices FOR SELECT TO reader USING (customer = 1)",
    "CREATE POLICY mine ON hr.staff AS RESTRICTIVE FOR UPDATE USING (name = current_user) WITH CHECK (salary > 0)",
    "CREATE POLICY mine ON public.alone USING (true); ALTER POLICY mine ON public.alone TO reader, PUBLIC USING (region = 'eu'); ALTER TABLE public.alone ENABLE ROW LEVEL SECURITY",
    "CREATE TABLE public.fresh (id int)",
    "CREATE TABLE fresh (id int)",
    "CREATE TABLE IF NOT EXISTS public.fresh (id bigint PRIMARY KEY, made timestamptz DEFAULT now(), n numeric(10,2) CHECK (n > 0), tags text[] NOT NULL, UNIQUE (n, made))",
    "CREATE TABLE sales.fresh (id serial PRIMARY KEY, half int GENERATED ALWAYS AS (1 + 1) STORED)",
    "CREATE TABLE sales.fresh (id int GENERATED BY DEFAULT AS IDENTITY (START WITH 5))",
    "CREATE TABLE public.fresh (customer int REFERENCES public.customers (id) ON DELETE CASCADE)",
    "CREATE TABLE public.fresh (id int PRIMARY KEY, parent int REFERENCES public.fresh (id))",
    "CREATE TABLE public.fresh (LIKE public.customers INCLUDING ALL)",
    "CREATE TABLE public.fresh (LIKE hr.staff INCLUDING ALL)",
    "CREATE TABLE public.fresh (LIKE hr.staff)",
    "CREATE TABLE public.fresh (extra int) INHERITS (public.alone)",
    "CREATE TABLE public.parts_us PARTITION OF public.parts FOR VALUES IN ('us')",
    "CREATE TABLE public.fresh (id int, at date) PARTITION BY RANGE (at)",
    "CREATE TABLE public.fresh (id int DEFAULT nextval('public.numbers'))",
    "CREATE TABLE public.fresh (during tsrange, EXCLUDE USING gist (during WITH &&))",
    "CREATE UNLOGGED TABLE public.fresh (id int) WITH (fillfactor = 70)",
    "CREATE TEMP TABLE scratch (id int) ON COMMIT DROP",
    "CREATE TABLE public.fresh AS SELECT id, total FROM public.invoices",
    "CREATE TABLE public.fresh AS SELECT id FROM public.invoices WITH NO DATA",
    "CREATE TEMPORARY TABLE scratch AS SELECT region FROM public.customers",
    "SELECT id, total INTO public.fresh FROM public.invoices WHERE total > 5",
    "CREATE VIEW public.seen AS SELECT id, salary FROM hr.staff WHERE salary > 1",
    "CREATE VIEW sales.seen (a) WITH (security_barrier) AS SELECT c.id FROM public.customers c WITH LOCAL CHECK OPTION",
    "CREATE TEMP VIEW seen AS SELECT id FROM public.customers",
    "CREATE MATERIALIZED VIEW public.totals AS SELECT customer, sum(total) FROM public.invoices GROUP BY customer",
    "CREATE MATERIALIZED VIEW public.totals AS SELECT customer FROM public.invoices WITH NO DATA",
    "CREATE INDEX ON public.invoices (total)",
    "CREATE UNIQUE INDEX IF NOT EXISTS invoices_note ON invoices USING btree (lower(note) text_pattern_ops DESC NULLS LAST, customer) INCLUDE (total) WHERE total > 0",
    'CREATE INDEX lines ON sales."Order Lines" USING hash (invoice)',
    "CREATE INDEX data ON public.invoices USING gin (data jsonb_path_ops)",
    "CREATE SEQUENCE public.counter START 100 INCREMENT BY 10 MINVALUE 1 CACHE 5 CYCLE",
    "CREATE SEQUENCE IF NOT EXISTS sales.counter AS smallint",
    "CREATE SCHEMA reports",
    "CREATE SCHEMA IF NOT EXISTS reports",
    "CREATE TYPE public.size AS ENUM ('s', 'm', 'l')",
    "CREATE TYPE sales.point3 AS (x int, y int, z int)",
    "CREATE DOMAIN public.email AS text CHECK (VALUE LIKE '%@%') NOT NULL",
    "ALTER TABLE public.invoices ADD COLUMN due date DEFAULT '2027-01-01' NOT NULL",
    "ALTER TABLE invoices ADD COLUMN IF NOT EXISTS n int CHECK (n > 0) DEFAULT 1 + 2",
    "ALTER TABLE public.invoices ADD n serial",
    "ALTER TABLE public.invoices ADD n int UNIQUE",
    "ALTER TABLE public.invoices ADD n int REFERENCES sales.prices (item)",
    "ALTER TABLE hr.staff DROP COLUMN boss, ALTER COLUMN salary TYPE bigint USING salary * 1",
    "ALTER TABLE public.invoices ALTER COLUMN x DROP DEFAULT, ALTER y SET NOT NULL, ALTER total SET DEFAULT 5",
    "ALTER TABLE public.invoices ADD CONSTRAINT fk FOREIGN KEY (y) REFERENCES public.events (id) NOT VALID",
    'ALTER TABLE sales."Order Lines" ADD CONSTRAINT fk FOREIGN KEY (invoice) REFERENCES public.invoices (id) ON DELETE SET NULL DEFERRABLE',
    "ALTER TABLE public.invoices ADD CHECK (total < 1000) NOT VALID",
    "ALTER TABLE public.invoices DROP CONSTRAINT positive, DROP CONSTRAINT IF EXISTS one",
    "ALTER TABLE public.invoices VALIDATE CONSTRAINT positive",
    "ALTER TABLE public.invoices ADD CONSTRAINT two UNIQUE (total, y)",
    "ALTER TABLE public.alone ADD PRIMARY KEY (id)",
    "ALTER TABLE public.alone ALTER id SET NOT NULL, ALTER id ADD GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE public.events ALTER id DROP IDENTITY",
    "ALTER TABLE public.invoices SET (fillfactor = 80, autovacuum_enabled = off)",
    "ALTER TABLE public.invoices ALTER COLUMN total SET STATISTICS 100",
    "ALTER TABLE public.invoices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "ALTER TABLE public.parts ATTACH PARTITION public.alone FOR VALUES IN ('us')",
    "ALTER TABLE public.parts DETACH PARTITION public.parts_eu",
    "ALTER TABLE public.invoices RENAME TO bills",
    "ALTER TABLE public.invoices RENAME COLUMN note TO remark",
    "ALTER TABLE public.invoices RENAME CONSTRAINT positive TO above_zero",
    "ALTER TABLE public.empty SET SCHEMA sales",
    "ALTER VIEW public.looks RENAME TO glances",
    "ALTER VIEW public.looks SET (security_barrier = true)",
    "ALTER MATERIALIZED VIEW public.sums RENAME TO totals",
    "ALTER SEQUENCE public.numbers RESTART WITH 10 INCREMENT BY 2",
    "ALTER SEQUENCE numbers RENAME TO digits",
    "ALTER TYPE public.mood ADD VALUE 'happy' AFTER 'ok'",
    "ALTER TYPE public.mood RENAME VALUE 'ok' TO 'fine'",
    "ALTER TYPE mood RENAME TO feeling",
    "DROP TABLE public.empty",
    "DROP TABLE IF EXISTS empty, sales.stock",
    "DROP VIEW public.looks",
    "DROP MATERIALIZED VIEW IF EXISTS public.sums",
    "DROP SEQUENCE public.numbers",
    "DROP TYPE mood",
    "DROP DOMAIN sales.amount",
    "COMMENT ON TABLE public.invoices IS 'money'",
    "COMMENT ON COLUMN invoices.total IS 'in cents'",
    "COMMENT ON VIEW public.looks IS NULL",
    "COMMENT ON SEQUENCE public.numbers IS 'n'",
    "COMMENT ON TYPE public.mood IS 'm'",
    "COMMENT ON CONSTRAINT positive ON public.invoices IS 'c'",
    "GRANT SELECT (id, total), INSERT ON public.invoices TO reader",
    "REVOKE ALL ON TABLE public.invoices FROM PUBLIC",
    "GRANT USAGE ON SEQUENCE public.numbers TO reader WITH GRANT OPTION",
    "REINDEX TABLE public.invoices",
)

TEXTS = (
    "CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (a int REFERENCES public.a (id)); INSERT INTO public.a (id) VALUES (1); SELECT id FROM public.a",
    "CREATE TABLE fresh (id int, note text); CREATE INDEX fresh_note ON fresh (note); COMMENT ON TABLE fresh IS 'new'",
    "CREATE SCHEMA reports; CREATE TABLE reports.daily (day date, n int); CREATE VIEW reports.seen AS SELECT day FROM reports.daily",
    "CREATE TEMP TABLE scratch AS SELECT id, total FROM public.invoices; SELECT max(total) FROM scratch; DROP TABLE scratch",
    "CREATE TYPE public.size AS ENUM ('s', 'm'); CREATE TABLE public.shirts (id int, size public.size DEFAULT 's')",
    "ALTER TABLE public.alone ADD COLUMN note text; UPDATE public.alone SET note = region; ALTER TABLE public.alone ALTER note SET NOT NULL",
    "DROP TABLE public.empty; CREATE TABLE public.empty (id bigint); INSERT INTO public.empty (id) SELECT c.id FROM public.customers c",
    "UPDATE public.invoices SET total = 1 WHERE id = 1; UPDATE public.invoices SET total = total WHERE customer = 2",
    "SELECT id FROM public.customers; SELECT name FROM public.customers; SELECT id FROM public.invoices",
    "CREATE SEQUENCE public.counter; CREATE TABLE public.counted (id int DEFAULT nextval('public.counter')); INSERT INTO public.counted DEFAULT VALUES",
)

WITH_CATALOGUE = (
    "SELECT * FROM public.customers",
    "SELECT c.* FROM customers c JOIN invoices i ON i.customer = c.id",
    "SELECT count(*) FROM public.customers",
    "SELECT 1 FROM public.invoices",
    "SELECT c FROM public.customers c",
    "SELECT region, total FROM customers, invoices WHERE customer = customers.id",
    'SELECT name, amount FROM public.customers JOIN sales."Order Lines" USING (id)',
    "SELECT * FROM sales.prices NATURAL JOIN sales.stock",
    "SELECT item, place FROM sales.prices NATURAL LEFT JOIN sales.stock WHERE price > 1",
    "SELECT x.id FROM (SELECT * FROM public.customers) x",
    "WITH c AS (SELECT * FROM public.customers) SELECT c.region FROM c",
    "SELECT upper(region) AS big FROM public.customers GROUP BY big",
    "SELECT (SELECT total) FROM public.invoices",
    "SELECT id FROM public.events FOR UPDATE",
    "SELECT * FROM public.looks",
    "SELECT a, b FROM public.alone AS t (a, b)",
    "TABLE sales.prices",
    "COPY public.events TO STDOUT",
    "INSERT INTO public.empty VALUES (1)",
    "INSERT INTO public.customers VALUES (9, 'x'), (10, 'y')",
    "INSERT INTO public.customers SELECT id, name FROM hr.staff WHERE id > 100",
    "INSERT INTO public.events DEFAULT VALUES",
    "INSERT INTO public.logs (line) VALUES ('x')",
    "INSERT INTO logs (id, line) VALUES (DEFAULT, 'x'), (7, 'y')",
    "INSERT INTO public.logs (id, line) VALUES (7, 'x')",
    "INSERT INTO public.customers (id, name) VALUES (1, 'x') ON CONFLICT ON CONSTRAINT customers_pkey DO UPDATE SET name = excluded.name",
    "UPDATE public.logs SET id = DEFAULT WHERE line = 'x'",
    "DELETE FROM public.alone WHERE id = 1 RETURNING *",
    "TRUNCATE public.logs RESTART IDENTITY",
    "TRUNCATE public.customers CASCADE",
    "CREATE TABLE public.fresh (customer int REFERENCES public.customers)",
    "CREATE TABLE public.fresh (m public.mood, n mood[])",
    "SELECT 'ok'::public.mood",
    "CREATE OR REPLACE VIEW public.looks AS SELECT id, total FROM public.invoices",
    "CREATE OR REPLACE VIEW public.fresh AS SELECT id FROM public.customers",
    "REFRESH MATERIALIZED VIEW public.sums",
    "DROP INDEX public.invoices_made",
    "ALTER INDEX invoices_made RENAME TO made_index",
    "REINDEX INDEX public.invoices_made",
    "COMMENT ON INDEX public.invoices_made IS 'i'",
    "ALTER SEQUENCE public.logs_id_seq RESTART",
    "MERGE INTO public.logs l USING public.customers c ON l.id = c.id WHEN NOT MATCHED THEN INSERT (line) VALUES (c.name)",
)
"""Jobs whose exact columns and rights only a catalogue tells."""

JOBS = (*READS, *WRITES, *SHAPES, *TEXTS)
