"""Jobs of daily work on MySQL and SQLite, and the tables that they work on."""

from __future__ import annotations

from typing import Final

MYSQL_SET_UP: Final = """
CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, city VARCHAR(40), since DATE);
CREATE TABLE invoices (id INT PRIMARY KEY AUTO_INCREMENT, customer INT, amount DECIMAL(10,2), status
  VARCHAR(10) DEFAULT 'open', due DATE, note TEXT, KEY by_customer (customer), KEY by_due (due));
CREATE TABLE items (id INT PRIMARY KEY, invoice INT, sku VARCHAR(20), quantity INT);
CREATE TABLE audit (id INT PRIMARY KEY AUTO_INCREMENT, at DATETIME, what VARCHAR(80));
CREATE TABLE secrets (id INT PRIMARY KEY, word VARCHAR(40));
CREATE VIEW open_invoices AS SELECT id, amount FROM invoices;
INSERT INTO customers VALUES (1, 'Ada', 'Bonn', '2020-01-01'), (2, 'Bo', 'Rome', '2021-01-01');
INSERT INTO invoices (id, customer, amount, due) VALUES (1, 1, 10, '2026-01-01'), (2, 2, 20, '2026-02-01');
INSERT INTO items VALUES (1, 1, 'a', 3), (2, 2, 'b', 4)
"""

_BOTH: Final = """
SELECT id FROM customers
SELECT name, city FROM customers WHERE id = 1
SELECT c.name, i.amount FROM customers c JOIN invoices i ON i.customer = c.id
SELECT c.name, i.amount FROM customers AS c LEFT JOIN invoices AS i ON i.customer = c.id WHERE i.due > '2026-01-01'
SELECT customer, SUM(amount) AS total FROM invoices GROUP BY customer ORDER BY total DESC LIMIT 10
SELECT customer, COUNT(id) FROM invoices GROUP BY customer HAVING COUNT(id) > 1
SELECT COUNT(*) FROM invoices
SELECT * FROM items
SELECT i.* FROM invoices i WHERE i.status = 'open'
SELECT DISTINCT city FROM customers WHERE city IS NOT NULL
SELECT id FROM invoices WHERE status IN ('open', 'late') AND amount BETWEEN 1 AND 100
SELECT id FROM invoices WHERE NOT (status = 'paid') OR note LIKE '%late%'
SELECT id FROM invoices WHERE customer IN (SELECT c.id FROM customers c WHERE c.city = 'Bonn')
SELECT c.id FROM customers c WHERE EXISTS (SELECT i.id FROM invoices i WHERE i.customer = c.id)
SELECT d.n FROM (SELECT customer AS n FROM invoices) AS d
WITH late AS (SELECT id, customer FROM invoices WHERE due < '2026-01-15') SELECT late.id FROM late
WITH late AS (SELECT customer AS c FROM invoices) SELECT k.name FROM customers k JOIN late ON late.c = k.id
WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n
SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY due DESC) FROM invoices
SELECT id, SUM(amount) OVER (ORDER BY due ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM invoices
SELECT id FROM invoices UNION ALL SELECT id FROM customers ORDER BY 1
SELECT id FROM customers UNION SELECT customer FROM invoices
SELECT CASE WHEN amount > 15 THEN 'big' ELSE 'small' END FROM invoices
SELECT COALESCE(note, 'none'), UPPER(status), LENGTH(note), ROUND(amount, 1), ABS(amount) FROM invoices
SELECT MIN(due), MAX(due), AVG(amount) FROM invoices
SELECT name FROM customers ORDER BY since DESC LIMIT 5 OFFSET 1
SELECT a.name, b.name FROM customers a JOIN customers b ON a.city = b.city WHERE a.id < b.id
SELECT 1
SELECT sku, quantity * 2 AS twice FROM items WHERE invoice = 1
SELECT i.sku FROM items i JOIN invoices v ON v.id = i.invoice JOIN customers c ON c.id = v.customer WHERE c.name = 'Ada'
INSERT INTO audit (what) VALUES ('seen')
INSERT INTO customers (id, name) VALUES (10, 'Cy'), (11, 'Di')
INSERT INTO customers VALUES (12, 'Ed', 'Oslo', '2026-01-01')
INSERT INTO customers (id, name) SELECT i.id + 100, i.sku FROM items i
UPDATE customers SET city = 'Bonn'
UPDATE invoices SET status = 'paid' WHERE id = 1
UPDATE invoices SET amount = amount + 1, note = NULL WHERE customer = 2 AND status <> 'paid'
UPDATE invoices SET amount = (SELECT MAX(i.quantity) FROM items i) WHERE id = 2
DELETE FROM audit
DELETE FROM items WHERE invoice = 1
DELETE FROM invoices WHERE customer IN (SELECT c.id FROM customers c WHERE c.city = 'Rome')
CREATE TABLE fresh (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT 'x', amount DECIMAL(10,2))
CREATE TABLE IF NOT EXISTS fresh (id INTEGER, CHECK (id > 0))
CREATE TABLE fresh (id INTEGER PRIMARY KEY, customer INTEGER, FOREIGN KEY (customer) REFERENCES customers (id))
CREATE TABLE fresh AS SELECT name, city FROM customers
CREATE VIEW names AS SELECT name FROM customers
CREATE VIEW bonn AS SELECT c.id, c.name FROM customers c WHERE c.city = 'Bonn'
CREATE UNIQUE INDEX by_name ON customers (name)
CREATE INDEX by_both ON invoices (customer, due)
ALTER TABLE items ADD COLUMN price DECIMAL(10,2) DEFAULT 0
ALTER TABLE items DROP COLUMN quantity
ALTER TABLE items RENAME COLUMN sku TO article
ALTER TABLE items RENAME TO lines
DROP TABLE audit
DROP TABLE IF EXISTS items
DROP VIEW open_invoices
"""

_MYSQL: Final = """
SELECT CONCAT(name, ' ', city), NOW(), DATE(since), YEAR(since) FROM customers
SELECT id FROM invoices WHERE due > CURRENT_DATE - INTERVAL 30 DAY
SELECT DATE_FORMAT(due, '%Y-%m') AS m, SUM(amount) FROM invoices GROUP BY DATE_FORMAT(due, '%Y-%m')
SELECT IF(amount > 15, 'big', 'small'), IFNULL(note, '') FROM invoices
SELECT id FROM invoices LIMIT 1, 2
SELECT id FROM invoices WHERE note <=> NULL
SELECT id FROM orders.invoices
SELECT GROUP_CONCAT(name) FROM customers
SELECT DATEDIFF(due, '2026-01-01') FROM invoices
SELECT quantity DIV 2, quantity MOD 2 FROM items
INSERT INTO items (id, quantity) VALUES (1, 3) ON DUPLICATE KEY UPDATE quantity = VALUES(quantity)
INSERT INTO items (id, quantity) VALUES (1, 3) ON DUPLICATE KEY UPDATE quantity = quantity + 1
INSERT IGNORE INTO items (id) VALUES (1)
UPDATE items SET quantity = 0 WHERE invoice = 1 ORDER BY id LIMIT 1
DELETE FROM items WHERE quantity > 0 ORDER BY id LIMIT 1
TRUNCATE TABLE audit
CREATE TABLE fresh (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, t TINYINT(1), e ENUM('a', 'b'), at DATETIME(6), UNIQUE KEY u (at), KEY k (e)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
ALTER TABLE items MODIFY COLUMN quantity BIGINT NOT NULL
ALTER TABLE items CHANGE COLUMN sku article VARCHAR(30)
ALTER TABLE items ALTER COLUMN quantity SET DEFAULT 1
ALTER TABLE items ADD INDEX by_sku (sku)
ALTER TABLE items ADD CONSTRAINT of_invoice FOREIGN KEY (invoice) REFERENCES invoices (id)
ALTER TABLE items ADD CONSTRAINT some CHECK (quantity > 0)
ALTER TABLE invoices DROP INDEX by_due
DROP INDEX by_due ON invoices
DROP TABLE audit, secrets
"""

_SQLITE: Final = """
SELECT "name", [city] FROM "customers"
SELECT name || ' ' || city FROM customers
SELECT date('now'), strftime('%Y', since) FROM customers
SELECT IIF(amount > 15, 'big', 'small'), IFNULL(note, '') FROM invoices
SELECT name FROM customers WHERE name GLOB 'A*' ORDER BY name COLLATE NOCASE
SELECT COUNT(id) FILTER (WHERE status = 'open') FROM invoices
SELECT GROUP_CONCAT(name, ',') FROM customers
SELECT json_extract(note, '$.a') FROM invoices
SELECT total(amount), typeof(note), printf('%d', id) FROM invoices GROUP BY id
SELECT id FROM main.invoices
SELECT id FROM customers EXCEPT SELECT customer FROM invoices
INSERT INTO items (id, quantity) VALUES (1, 3) ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity
INSERT INTO items (id, quantity) VALUES (1, 3) ON CONFLICT DO NOTHING
INSERT INTO items (id, sku) VALUES (9, 'z') RETURNING sku
INSERT OR IGNORE INTO items (id) VALUES (1)
INSERT INTO audit DEFAULT VALUES
UPDATE invoices SET note = c.city FROM customers c WHERE c.id = invoices.customer
DELETE FROM items WHERE invoice = 2 RETURNING sku
CREATE TABLE "fresh" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(20) NOT NULL UNIQUE, "ok" bool NOT NULL, "at" datetime, "n" bigint, "x" real)
CREATE TABLE fresh (a TEXT COLLATE NOCASE, b INTEGER REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED, UNIQUE (a, b))
CREATE INDEX IF NOT EXISTS some_open ON invoices (due) WHERE status = 'open'
DROP INDEX by_due
"""


def jobs(dialect: str) -> list[str]:
    """The statements, one a line; all of one dialect."""
    text = _BOTH + (_MYSQL if dialect == "mysql" else _SQLITE)
    return [line for line in text.splitlines() if line]


def set_up(dialect: str) -> list[str]:
    """The statements that make the tables."""
    text = MYSQL_SET_UP
    if dialect == "sqlite":
        text = text.replace("INT PRIMARY KEY AUTO_INCREMENT", "INTEGER PRIMARY KEY AUTOINCREMENT")
        text = text.replace(", KEY by_customer (customer), KEY by_due (due)", "")
        text += "; CREATE INDEX by_due ON invoices (due)"
    return [statement for statement in text.split(";") if statement.strip()]
