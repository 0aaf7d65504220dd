-- A million rows, indexes, joins, window functions, full-text search, JSON, triggers, vacuum.
PRAGMA journal_mode = WAL;
PRAGMA cache_size = -32000;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, amount REAL, category INTEGER, extra BLOB);
BEGIN;
INSERT INTO item
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
  SELECT i, 'name-' || (i * 7919 % 10007), (i * 31 % 100003) / 7.0, i % 211,
         CASE WHEN i % 50 = 0 THEN zeroblob(i % 900) END
  FROM n;
COMMIT;
CREATE INDEX item_by_name ON item(name, amount);
SELECT 'rows', count(*), sum(id), printf('%.6f', sum(amount)), sum(length(extra)) FROM item;
SELECT 'groups', count(*), max(c), min(c) FROM (SELECT count(*) c FROM item GROUP BY name);
SELECT 'top', name, printf('%.4f', total) FROM
  (SELECT name, sum(amount) total FROM item GROUP BY name ORDER BY total DESC, name LIMIT 5);
SELECT 'distinct', count(DISTINCT name || category) FROM item WHERE id < 300000;
SELECT 'text', length(group_concat(name)), length(upper(group_concat(name, ' | ')))
  FROM item WHERE id < 200000;
SELECT 'window', sum(r), printf('%.4f', sum(moving)) FROM
  (SELECT row_number() OVER (PARTITION BY category ORDER BY amount, id) r,
          avg(amount) OVER (ORDER BY id ROWS 10 PRECEDING) moving FROM item WHERE id <= 200000);
CREATE TABLE category(id INTEGER PRIMARY KEY, label TEXT, changes INTEGER DEFAULT 0);
INSERT INTO category(id, label) SELECT DISTINCT category, 'category ' || category FROM item;
SELECT 'join', count(*), sum(length(label)) FROM item JOIN category ON category.id = item.category
  WHERE item.id % 7 = 0;
CREATE TRIGGER count_changes AFTER UPDATE ON item BEGIN
  UPDATE category SET changes = changes + 1 WHERE id = new.category;
END;
UPDATE item SET amount = amount + 1, name = name || '+' WHERE id % 17 = 0;
SELECT 'changes', sum(changes), max(changes) FROM category;
DELETE FROM item WHERE id % 3 = 0;
SELECT 'left', count(*), printf('%.6f', sum(amount)) FROM item;
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words SELECT 'w' || (id % 977) || ' w' || (id % 31) || ' ' || name FROM item LIMIT 60000;
SELECT 'fts', count(*) FROM words WHERE words MATCH 'w17 AND w3*';
SELECT 'json', length(text), json_extract(text, '$[100].name'), json_array_length(text) FROM
  (SELECT json_group_array(json_object('id', id, 'name', name)) text FROM item WHERE id < 60000);
SAVEPOINT undone;
UPDATE item SET name = hex(randomblob(200)) WHERE id < 50000;
ROLLBACK TO undone;
RELEASE undone;
VACUUM;
PRAGMA integrity_check;
SELECT 'digest', name, count(*) FROM item GROUP BY name ORDER BY name;
