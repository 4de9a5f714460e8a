-- The rows as PostgreSQL keeps and copies them fastest: ready text, uncompressed, in the table's own pages, and beside it what
-- the segment asks for in columns of its own. :rows is the file that `cargo xtask bench` made.
BEGIN;
CREATE TABLE profile (
    id bigint NOT NULL,
    state text NOT NULL,
    news boolean NOT NULL,
    doc text NOT NULL
) WITH (toast_tuple_target = 8160);
ALTER TABLE profile ALTER doc SET STORAGE EXTERNAL;
\timing on
COPY profile FROM :'rows' (FORMAT csv, FREEZE, DELIMITER E'\x02', QUOTE E'\x01');
COMMIT;
ALTER TABLE profile ADD PRIMARY KEY (id);
CREATE INDEX profile_state ON profile (state) WHERE news;
-- statistics are no part of loading
\timing off
VACUUM (ANALYZE) profile;
