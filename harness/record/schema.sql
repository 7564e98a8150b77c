-- The record of bench, schema 5. Everything that ran; read it through the views `runs` and `sweep_runs`.
-- Times are UTC, "2026-01-31T12:00:00Z"; durations are seconds; sizes are bytes. NULL: not applicable, or not known (yet).
-- A change here: raise DB_SCHEMA in db.c and add the step from the version before to `upgrades` there; for the views, which come
-- last, nothing more: an upgrade makes them anew.

-- One row per `bench run` command (the same command again continues its row).
CREATE TABLE sweep (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,    -- `name:` in the file; of several rows with one name the last counts
    path      TEXT,             -- the sweep file, absolute
    yaml      TEXT NOT NULL,    -- its text
    overrides TEXT,             -- the --set arguments, one a line
    metric    TEXT NOT NULL,    -- the key that is compared: "eval/loss"
    goal      TEXT NOT NULL CHECK (goal IN ('minimize', 'maximize')),
    run_cap   INTEGER,          -- at most so many runs; NULL: no cap
    begun     TEXT NOT NULL     -- last time the command was given
) STRICT;
CREATE INDEX sweep_name ON sweep(name);

-- What ran it.
CREATE TABLE env (
    id       INTEGER PRIMARY KEY,
    build    TEXT,              -- id of this program's source
    compiler TEXT,
    cflags   TEXT,
    cpu      TEXT,              -- model and instruction set used
    blas     TEXT,              -- OpenBLAS version and kernel
    os       TEXT,
    host     TEXT,
    cores    INTEGER
) STRICT;

-- A pretrained model, as named in sweeps.
CREATE TABLE model (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    path   TEXT,                -- where it was last read from
    digest TEXT NOT NULL,       -- SHA-256 over its files
    bytes  INTEGER,             -- of the weight files
    UNIQUE (name, digest)
) STRICT;

-- Training, evaluation and test data together.
CREATE TABLE dataset (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    path   TEXT,
    digest TEXT NOT NULL,       -- SHA-256 over its files
    UNIQUE (name, digest)
) STRICT;

-- One resolved configuration, without the seed.
CREATE TABLE point (
    id             INTEGER PRIMARY KEY,
    hash           TEXT NOT NULL UNIQUE, -- of configuration, model and data digests: identity across sweeps and databases
    base_hash      TEXT,                 -- shared by all points that compare with one untouched base, that base included
    method         TEXT NOT NULL,
    untouched      INTEGER NOT NULL,     -- 1: the method trains nothing; this is the base itself
    task           TEXT,
    model          INTEGER REFERENCES model(id),
    dataset        INTEGER REFERENCES dataset(id),
    r              INTEGER,              -- rank; NULL for methods without one
    lora_alpha     REAL,
    lr             REAL,                 -- train.lr; NULL when untouched
    target_modules TEXT,                 -- comma-joined; NULL for methods that do not choose modules
    batch_size     INTEGER,              -- rows per optimizer step; NULL when untouched
    max_length     INTEGER,              -- tokens
    weights        TEXT,                 -- how the base is held: as asked (native, f32, auto), then as its last run held it (native, f32)
    config         TEXT NOT NULL         -- JSON, every option with its value
) STRICT;
CREATE INDEX point_base ON point(base_hash) WHERE untouched;

-- The configuration once more, one row per leaf, for queries: train.lr, lora_alpha, data.name, ...
CREATE TABLE param (
    point INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    num   REAL,                 -- numbers and booleans (0, 1)
    txt   TEXT,                 -- strings; lists as JSON
    PRIMARY KEY (point, key)
) STRICT, WITHOUT ROWID;

-- The cells of a sweep: which points, with which seeds, in which order. Their runs may come from another sweep, or not exist yet.
CREATE TABLE sweep_point (
    sweep INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,
    point INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    seed  INTEGER NOT NULL,
    ord   INTEGER NOT NULL,     -- 0-based
    control INTEGER NOT NULL DEFAULT 0, -- 1: not of the sweep's own grid, there only as the control arm of others
    PRIMARY KEY (sweep, point, seed)
) STRICT, WITHOUT ROWID;

-- `controls: auto`: which points are control arms of which, many to many. A control may be a point of the sweep's own grid as well.
CREATE TABLE point_control (
    sweep   INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,
    point   INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    control INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,      -- what is held equal: "alpha x ratio", "equal count", ...
    PRIMARY KEY (sweep, point, control, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX point_control_control ON point_control(control);

-- One attempt at a point with a seed.
CREATE TABLE run (
    id                   INTEGER PRIMARY KEY,
    point                INTEGER NOT NULL REFERENCES point(id),
    seed                 INTEGER NOT NULL,
    attempt              INTEGER NOT NULL,  -- from 1; the last one counts
    sweep                INTEGER NOT NULL REFERENCES sweep(id), -- whose command ran it
    env                  INTEGER REFERENCES env(id),
    state                TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'interrupted', 'complete', 'pruned', 'failed',
                                                        'oom', 'nan', 'timeout')),
    error                TEXT,     -- why it failed, one line
    created              TEXT NOT NULL,
    started              TEXT,     -- its worker began
    ended                TEXT,
    threads              INTEGER,  -- cores its worker owned
    concurrent           INTEGER,  -- the most other workers at the same time: above 0, timings are not comparable
    trainable            INTEGER,  -- trained numbers
    total_params         INTEGER,  -- of the base model, tied tensors once
    adapted_params       INTEGER,  -- in the matrices that the method adapts
    steps                INTEGER,  -- optimizer steps done
    tokens               INTEGER,  -- real tokens trained on
    train_loss           REAL,     -- mean of the last tenth of the steps
    eval_loss            REAL,     -- last evaluation
    metric               REAL,     -- the sweep's metric at the last evaluation
    best_metric          REAL,
    best_step            INTEGER,
    test_metric          REAL,     -- scored once, at the end, never used to choose
    peak_bytes           INTEGER,  -- through the allocation gate, with the scratch of one thread: how many it got depends on what else ran
    peak_bytes_predicted INTEGER,
    rss_bytes            INTEGER,  -- largest resident size of the worker
    checkpoint_bytes     INTEGER,  -- adapter_model.safetensors; for full, the model
    checkpoint_bytes_min INTEGER,  -- with regenerable matrices counted as one seed
    train_s              REAL,
    eval_s               REAL,
    total_s              REAL,
    UNIQUE (point, seed, attempt)
) STRICT;
CREATE INDEX run_state ON run(state) WHERE state IN ('waiting', 'running');
CREATE INDEX run_sweep ON run(sweep);

-- Curves: train/loss, eval/loss, ...
CREATE TABLE metric (
    run   INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    step  INTEGER NOT NULL,     -- optimizer steps done
    value REAL,                 -- NULL unless kind is finite
    kind  TEXT NOT NULL CHECK (kind IN ('finite', 'nan', '+inf', '-inf')),
    PRIMARY KEY (run, key, step)
) STRICT, WITHOUT ROWID;

-- Scores per data row at the last evaluation, for paired tests.
CREATE TABLE item (
    run   INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    item  INTEGER NOT NULL,     -- 0-based row of the evaluation data
    value REAL,                 -- NULL: not a number
    weight REAL,                -- what the row counts in the score, sum(weight value) / sum(weight): labelled tokens for a loss
                                -- per token, 1 where rows count alike. NULL: recorded before schema 5, not known
    PRIMARY KEY (run, key, item)
) STRICT, WITHOUT ROWID;

-- Bytes by category of the allocation gate: base, param, fixed, grad, opt, act, scratch, data, misc.
CREATE TABLE memory (
    run      INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    category TEXT NOT NULL,
    peak     INTEGER NOT NULL,  -- of this category by itself
    at_peak  INTEGER NOT NULL,  -- at the moment of the total peak; these add up to peak_bytes
    PRIMARY KEY (run, category)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    run    INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    step   INTEGER NOT NULL,
    path   TEXT NOT NULL,       -- absolute; the folder that PEFT loads
    bytes  INTEGER,
    sha256 TEXT,                -- of the tensor file
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

-- Warnings and remarks, in order.
CREATE TABLE event (
    id   INTEGER PRIMARY KEY,
    run  INTEGER REFERENCES run(id) ON DELETE CASCADE, -- NULL: of the command
    time TEXT NOT NULL,
    kind TEXT NOT NULL,         -- "warning", ...
    text TEXT NOT NULL
) STRICT;
CREATE INDEX event_run ON event(run);

-- How fast runs of one shape go on a machine that does nothing else: what `bench plan` multiplies. Measured by a few real steps, or
-- by a run that had the machine to itself; the last measurement counts.
CREATE TABLE speed (
    key         TEXT NOT NULL,    -- SHA-256 of all in the configuration that the speed depends on (speed.c)
    cpu         TEXT NOT NULL,    -- model and instruction set used
    threads     INTEGER NOT NULL,
    build       TEXT NOT NULL,    -- id of this program's source
    train       REAL,             -- seconds per token of training; NULL: nothing was trained
    eval        REAL,             -- seconds per token of evaluation; NULL: nothing was evaluated
    other       REAL NOT NULL,    -- seconds that a run takes besides: loading, planning, saving
    calibration INTEGER NOT NULL, -- 1: measured by `bench plan`, 0: by a run
    time        TEXT NOT NULL,
    PRIMARY KEY (key, cpu, threads, build)
) STRICT, WITHOUT ROWID;

-- The flat table for people and scripts: one row per point and seed, its last attempt.
CREATE VIEW runs AS
SELECT
    r.id AS run_id,
    r.point AS point_id,
    (SELECT min(point) FROM point_control WHERE control = r.point) AS control_of, -- the point whose control arm this is; of several
                                         -- the first (all: control_pairs)
    s.name AS sweep,                     -- whose command ran it; sweeps that reuse it: see sweep_runs
    r.state AS state,
    m.name AS model,
    p.task AS task,
    d.name AS data,
    p.method AS method,
    p.r AS r,
    p.lora_alpha AS lora_alpha,
    p.lr AS lr,
    r.seed AS seed,
    p.target_modules AS target_modules,
    r.trainable AS trainable,
    r.total_params AS total_params,
    CAST(r.trainable AS REAL) / r.total_params AS trainable_fraction,
    CAST(r.adapted_params AS REAL) / r.total_params AS adapted_fraction,
    r.steps AS steps,
    r.tokens AS tokens,
    p.batch_size AS batch_size,
    p.max_length AS max_length,
    r.train_loss AS train_loss,
    r.eval_loss AS eval_loss,
    b.eval_loss AS base_eval_loss,       -- of the untouched base on the same data; preferably from the same sweep
    s.metric AS metric_name,
    r.metric AS metric,
    r.best_metric AS best_metric,
    r.best_step AS best_step,
    CASE WHEN bs.metric = s.metric THEN b.metric
         ELSE (SELECT value FROM metric WHERE run = b.id AND key = s.metric ORDER BY step DESC LIMIT 1)
    END AS base_metric,
    r.test_metric AS test_metric,
    r.peak_bytes AS peak_bytes,
    r.peak_bytes_predicted AS peak_bytes_predicted,
    (SELECT peak FROM memory WHERE run = r.id AND category = 'act') AS act_bytes,
    (SELECT peak FROM memory WHERE run = r.id AND category = 'opt') AS opt_bytes,
    r.rss_bytes AS rss_bytes,
    r.checkpoint_bytes AS checkpoint_bytes,
    r.checkpoint_bytes_min AS checkpoint_bytes_min,
    (SELECT path FROM checkpoint WHERE run = r.id ORDER BY step DESC LIMIT 1) AS checkpoint_path,
    CASE WHEN r.train_s > 0 AND r.tokens > 0 THEN r.tokens / r.train_s END AS tokens_per_s,
    r.train_s AS train_s,
    r.eval_s AS eval_s,
    r.total_s AS total_s,
    r.threads AS threads,
    r.concurrent AS concurrent,
    p.weights AS weights,
    v.build AS build,
    r.error AS error
FROM run r
JOIN point p ON p.id = r.point
JOIN sweep s ON s.id = r.sweep
LEFT JOIN model m ON m.id = p.model
LEFT JOIN dataset d ON d.id = p.dataset
LEFT JOIN env v ON v.id = r.env
LEFT JOIN run b ON b.id = (
    SELECT coalesce(max(CASE WHEN r2.sweep = r.sweep THEN r2.id END), max(r2.id))
    FROM point p2 JOIN run r2 ON r2.point = p2.id
    WHERE p2.untouched AND p2.base_hash = p.base_hash AND r2.state = 'complete')
LEFT JOIN sweep bs ON bs.id = b.sweep
WHERE r.attempt = (SELECT max(attempt) FROM run WHERE point = r.point AND seed = r.seed);

-- The cells of each sweep as its last command defined them, with the run of each, also where another sweep ran it:
-- SELECT ... FROM sweep_runs c JOIN runs USING (run_id) WHERE c.sweep = 'rank'
CREATE VIEW sweep_runs AS
SELECT
    s.id AS sweep_id,
    s.name AS sweep,
    c.ord AS ord,
    c.point AS point_id,
    c.seed AS seed,
    r.id AS run_id,                      -- NULL: not started
    s.metric AS metric_name,
    s.goal AS goal,
    CASE WHEN rs.metric = s.metric THEN r.metric
         ELSE (SELECT value FROM metric WHERE run = r.id AND key = s.metric ORDER BY step DESC LIMIT 1)
    END AS metric,                       -- this sweep's metric at the last evaluation
    c.control AS control,                -- 1: there only as the control arm of others
    r.state AS state,                    -- NULL: not started
    CASE WHEN rs.metric = s.metric THEN r.test_metric
         ELSE (SELECT value FROM metric WHERE run = r.id AND key = 'test/' || substr(s.metric, 6) ORDER BY step DESC LIMIT 1)
    END AS test_metric,                  -- the same metric on the test split; NULL: there is none
    CASE WHEN bs.metric = s.metric THEN b.metric
         ELSE (SELECT value FROM metric WHERE run = b.id AND key = s.metric ORDER BY step DESC LIMIT 1)
    END AS base_metric,                  -- of the untouched base on the same data; preferably from the same sweep
    b.id AS base_run_id                  -- its run
FROM sweep s
JOIN sweep_point c ON c.sweep = s.id
JOIN point p ON p.id = c.point
LEFT JOIN run r ON r.point = c.point AND r.seed = c.seed
    AND r.attempt = (SELECT max(attempt) FROM run WHERE point = c.point AND seed = c.seed)
LEFT JOIN sweep rs ON rs.id = r.sweep
LEFT JOIN run b ON b.id = (
    SELECT coalesce(max(CASE WHEN r2.sweep = s.id THEN r2.id END), max(r2.id))
    FROM point p2 JOIN run r2 ON r2.point = p2.id
    WHERE p2.untouched AND p2.base_hash = p.base_hash AND r2.state = 'complete')
LEFT JOIN sweep bs ON bs.id = b.sweep
WHERE s.id = (SELECT max(id) FROM sweep WHERE name = s.name);

-- A point of a sweep and a control arm of it, at one seed: both runs, and by how much the point's metric is above the control's.
CREATE VIEW control_pairs AS
SELECT
    k.sweep AS sweep_id,
    a.sweep AS sweep,
    k.kind AS kind,
    k.point AS point_id,
    k.control AS control_id,
    a.seed AS seed,
    a.run_id AS run_id,
    b.run_id AS control_run_id,
    a.metric_name AS metric_name,
    a.goal AS goal,
    a.metric AS metric,
    b.metric AS control_metric,
    a.metric - b.metric AS difference    -- NULL where one of them has no number
FROM point_control k
JOIN sweep_runs a ON a.sweep_id = k.sweep AND a.point_id = k.point
JOIN sweep_runs b ON b.sweep_id = k.sweep AND b.point_id = k.control AND b.seed = a.seed;
