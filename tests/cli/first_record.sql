-- Made by make_first_record.sh: the record of an older bench. Never edited.
PRAGMA application_id=1650814563;
PRAGMA user_version=3;
BEGIN TRANSACTION;
CREATE TABLE checkpoint (
    run    INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    step   INTEGER NOT NULL,
    path   TEXT NOT NULL,       -- absolute; the folder that PEFT loads
    bytes  INTEGER,
    sha256 TEXT,                -- of the tensor file
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataset (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    path   TEXT,
    digest TEXT NOT NULL,       -- SHA-256 over its files
    UNIQUE (name, digest)
) STRICT;
INSERT INTO "dataset" VALUES(1,'smoke',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
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
CREATE TABLE event (
    id   INTEGER PRIMARY KEY,
    run  INTEGER REFERENCES run(id) ON DELETE CASCADE, -- NULL: of the command
    time TEXT NOT NULL,
    kind TEXT NOT NULL,         -- "warning", ...
    text TEXT NOT NULL
) STRICT;
CREATE TABLE item (
    run   INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    item  INTEGER NOT NULL,     -- 0-based row of the evaluation data
    value REAL,                 -- NULL: not a number
    PRIMARY KEY (run, key, item)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory (
    run      INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    category TEXT NOT NULL,
    peak     INTEGER NOT NULL,  -- of this category by itself
    at_peak  INTEGER NOT NULL,  -- at the moment of the total peak; these add up to peak_bytes
    PRIMARY KEY (run, category)
) STRICT, WITHOUT ROWID;
INSERT INTO "memory" VALUES(1,'act',0,0);
INSERT INTO "memory" VALUES(1,'base',419328,419072);
INSERT INTO "memory" VALUES(1,'data',29248,29248);
INSERT INTO "memory" VALUES(1,'fixed',0,0);
INSERT INTO "memory" VALUES(1,'grad',0,0);
INSERT INTO "memory" VALUES(1,'misc',4096,4096);
INSERT INTO "memory" VALUES(1,'opt',0,0);
INSERT INTO "memory" VALUES(1,'param',0,0);
INSERT INTO "memory" VALUES(1,'scratch',11715776,11715776);
INSERT INTO "memory" VALUES(2,'act',788480,16384);
INSERT INTO "memory" VALUES(2,'base',419328,419072);
INSERT INTO "memory" VALUES(2,'data',61568,61568);
INSERT INTO "memory" VALUES(2,'fixed',0,0);
INSERT INTO "memory" VALUES(2,'grad',3584,3584);
INSERT INTO "memory" VALUES(2,'misc',4416,4416);
INSERT INTO "memory" VALUES(2,'opt',7168,7168);
INSERT INTO "memory" VALUES(2,'param',3584,3584);
INSERT INTO "memory" VALUES(2,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(3,'act',788480,16384);
INSERT INTO "memory" VALUES(3,'base',419328,419072);
INSERT INTO "memory" VALUES(3,'data',61568,61568);
INSERT INTO "memory" VALUES(3,'fixed',0,0);
INSERT INTO "memory" VALUES(3,'grad',3584,3584);
INSERT INTO "memory" VALUES(3,'misc',4416,4416);
INSERT INTO "memory" VALUES(3,'opt',7168,7168);
INSERT INTO "memory" VALUES(3,'param',3584,3584);
INSERT INTO "memory" VALUES(3,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(4,'act',1128960,57344);
INSERT INTO "memory" VALUES(4,'base',419328,419072);
INSERT INTO "memory" VALUES(4,'data',61568,61568);
INSERT INTO "memory" VALUES(4,'fixed',0,0);
INSERT INTO "memory" VALUES(4,'grad',16384,16384);
INSERT INTO "memory" VALUES(4,'misc',5056,5056);
INSERT INTO "memory" VALUES(4,'opt',32768,32768);
INSERT INTO "memory" VALUES(4,'param',16384,16384);
INSERT INTO "memory" VALUES(4,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(5,'act',1128960,57344);
INSERT INTO "memory" VALUES(5,'base',419328,419072);
INSERT INTO "memory" VALUES(5,'data',61568,61568);
INSERT INTO "memory" VALUES(5,'fixed',0,0);
INSERT INTO "memory" VALUES(5,'grad',16384,16384);
INSERT INTO "memory" VALUES(5,'misc',5056,5056);
INSERT INTO "memory" VALUES(5,'opt',32768,32768);
INSERT INTO "memory" VALUES(5,'param',16384,16384);
INSERT INTO "memory" VALUES(5,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(6,'act',803840,65536);
INSERT INTO "memory" VALUES(6,'base',419328,419072);
INSERT INTO "memory" VALUES(6,'data',61568,61568);
INSERT INTO "memory" VALUES(6,'fixed',0,0);
INSERT INTO "memory" VALUES(6,'grad',14336,14336);
INSERT INTO "memory" VALUES(6,'misc',4416,4416);
INSERT INTO "memory" VALUES(6,'opt',28672,28672);
INSERT INTO "memory" VALUES(6,'param',14336,14336);
INSERT INTO "memory" VALUES(6,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(7,'act',803840,65536);
INSERT INTO "memory" VALUES(7,'base',419328,419072);
INSERT INTO "memory" VALUES(7,'data',61568,61568);
INSERT INTO "memory" VALUES(7,'fixed',0,0);
INSERT INTO "memory" VALUES(7,'grad',14336,14336);
INSERT INTO "memory" VALUES(7,'misc',4416,4416);
INSERT INTO "memory" VALUES(7,'opt',28672,28672);
INSERT INTO "memory" VALUES(7,'param',14336,14336);
INSERT INTO "memory" VALUES(7,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(8,'act',1182720,229376);
INSERT INTO "memory" VALUES(8,'base',419328,419072);
INSERT INTO "memory" VALUES(8,'data',61568,61568);
INSERT INTO "memory" VALUES(8,'fixed',0,0);
INSERT INTO "memory" VALUES(8,'grad',65536,65536);
INSERT INTO "memory" VALUES(8,'misc',5056,5056);
INSERT INTO "memory" VALUES(8,'opt',131072,131072);
INSERT INTO "memory" VALUES(8,'param',65536,65536);
INSERT INTO "memory" VALUES(8,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(9,'act',1182720,229376);
INSERT INTO "memory" VALUES(9,'base',419328,419072);
INSERT INTO "memory" VALUES(9,'data',61568,61568);
INSERT INTO "memory" VALUES(9,'fixed',0,0);
INSERT INTO "memory" VALUES(9,'grad',65536,65536);
INSERT INTO "memory" VALUES(9,'misc',5056,5056);
INSERT INTO "memory" VALUES(9,'opt',131072,131072);
INSERT INTO "memory" VALUES(9,'param',65536,65536);
INSERT INTO "memory" VALUES(9,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(10,'act',706560,16384);
INSERT INTO "memory" VALUES(10,'base',419328,419072);
INSERT INTO "memory" VALUES(10,'data',61568,61568);
INSERT INTO "memory" VALUES(10,'fixed',2048,2048);
INSERT INTO "memory" VALUES(10,'grad',1536,1536);
INSERT INTO "memory" VALUES(10,'misc',4416,4416);
INSERT INTO "memory" VALUES(10,'opt',3072,3072);
INSERT INTO "memory" VALUES(10,'param',1536,1536);
INSERT INTO "memory" VALUES(10,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(11,'act',706560,16384);
INSERT INTO "memory" VALUES(11,'base',419328,419072);
INSERT INTO "memory" VALUES(11,'data',61568,61568);
INSERT INTO "memory" VALUES(11,'fixed',2048,2048);
INSERT INTO "memory" VALUES(11,'grad',1536,1536);
INSERT INTO "memory" VALUES(11,'misc',4416,4416);
INSERT INTO "memory" VALUES(11,'opt',3072,3072);
INSERT INTO "memory" VALUES(11,'param',1536,1536);
INSERT INTO "memory" VALUES(11,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(12,'act',719360,57344);
INSERT INTO "memory" VALUES(12,'base',419328,419072);
INSERT INTO "memory" VALUES(12,'data',61568,61568);
INSERT INTO "memory" VALUES(12,'fixed',8192,8192);
INSERT INTO "memory" VALUES(12,'grad',8192,8192);
INSERT INTO "memory" VALUES(12,'misc',5056,5056);
INSERT INTO "memory" VALUES(12,'opt',16384,16384);
INSERT INTO "memory" VALUES(12,'param',8192,8192);
INSERT INTO "memory" VALUES(12,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(13,'act',719360,57344);
INSERT INTO "memory" VALUES(13,'base',419328,419072);
INSERT INTO "memory" VALUES(13,'data',61568,61568);
INSERT INTO "memory" VALUES(13,'fixed',8192,8192);
INSERT INTO "memory" VALUES(13,'grad',8192,8192);
INSERT INTO "memory" VALUES(13,'misc',5056,5056);
INSERT INTO "memory" VALUES(13,'opt',16384,16384);
INSERT INTO "memory" VALUES(13,'param',8192,8192);
INSERT INTO "memory" VALUES(13,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(14,'act',721920,65536);
INSERT INTO "memory" VALUES(14,'base',419328,419072);
INSERT INTO "memory" VALUES(14,'data',61568,61568);
INSERT INTO "memory" VALUES(14,'fixed',8192,8192);
INSERT INTO "memory" VALUES(14,'grad',6144,6144);
INSERT INTO "memory" VALUES(14,'misc',4416,4416);
INSERT INTO "memory" VALUES(14,'opt',12288,12288);
INSERT INTO "memory" VALUES(14,'param',6144,6144);
INSERT INTO "memory" VALUES(14,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(15,'act',721920,65536);
INSERT INTO "memory" VALUES(15,'base',419328,419072);
INSERT INTO "memory" VALUES(15,'data',61568,61568);
INSERT INTO "memory" VALUES(15,'fixed',8192,8192);
INSERT INTO "memory" VALUES(15,'grad',6144,6144);
INSERT INTO "memory" VALUES(15,'misc',4416,4416);
INSERT INTO "memory" VALUES(15,'opt',12288,12288);
INSERT INTO "memory" VALUES(15,'param',6144,6144);
INSERT INTO "memory" VALUES(15,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(16,'act',773120,229376);
INSERT INTO "memory" VALUES(16,'base',419328,419072);
INSERT INTO "memory" VALUES(16,'data',61568,61568);
INSERT INTO "memory" VALUES(16,'fixed',32768,32768);
INSERT INTO "memory" VALUES(16,'grad',32768,32768);
INSERT INTO "memory" VALUES(16,'misc',5056,5056);
INSERT INTO "memory" VALUES(16,'opt',65536,65536);
INSERT INTO "memory" VALUES(16,'param',32768,32768);
INSERT INTO "memory" VALUES(16,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(17,'act',773120,229376);
INSERT INTO "memory" VALUES(17,'base',419328,419072);
INSERT INTO "memory" VALUES(17,'data',61568,61568);
INSERT INTO "memory" VALUES(17,'fixed',32768,32768);
INSERT INTO "memory" VALUES(17,'grad',32768,32768);
INSERT INTO "memory" VALUES(17,'misc',5056,5056);
INSERT INTO "memory" VALUES(17,'opt',65536,65536);
INSERT INTO "memory" VALUES(17,'param',32768,32768);
INSERT INTO "memory" VALUES(17,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(18,'act',788480,16384);
INSERT INTO "memory" VALUES(18,'base',419328,419072);
INSERT INTO "memory" VALUES(18,'data',61568,61568);
INSERT INTO "memory" VALUES(18,'fixed',0,0);
INSERT INTO "memory" VALUES(18,'grad',3584,3584);
INSERT INTO "memory" VALUES(18,'misc',4416,4416);
INSERT INTO "memory" VALUES(18,'opt',7168,7168);
INSERT INTO "memory" VALUES(18,'param',3584,3584);
INSERT INTO "memory" VALUES(18,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(19,'act',788480,16384);
INSERT INTO "memory" VALUES(19,'base',419328,419072);
INSERT INTO "memory" VALUES(19,'data',61568,61568);
INSERT INTO "memory" VALUES(19,'fixed',0,0);
INSERT INTO "memory" VALUES(19,'grad',3584,3584);
INSERT INTO "memory" VALUES(19,'misc',4416,4416);
INSERT INTO "memory" VALUES(19,'opt',7168,7168);
INSERT INTO "memory" VALUES(19,'param',3584,3584);
INSERT INTO "memory" VALUES(19,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(20,'act',1128960,57344);
INSERT INTO "memory" VALUES(20,'base',419328,419072);
INSERT INTO "memory" VALUES(20,'data',61568,61568);
INSERT INTO "memory" VALUES(20,'fixed',0,0);
INSERT INTO "memory" VALUES(20,'grad',16384,16384);
INSERT INTO "memory" VALUES(20,'misc',5056,5056);
INSERT INTO "memory" VALUES(20,'opt',32768,32768);
INSERT INTO "memory" VALUES(20,'param',16384,16384);
INSERT INTO "memory" VALUES(20,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(21,'act',1128960,57344);
INSERT INTO "memory" VALUES(21,'base',419328,419072);
INSERT INTO "memory" VALUES(21,'data',61568,61568);
INSERT INTO "memory" VALUES(21,'fixed',0,0);
INSERT INTO "memory" VALUES(21,'grad',16384,16384);
INSERT INTO "memory" VALUES(21,'misc',5056,5056);
INSERT INTO "memory" VALUES(21,'opt',32768,32768);
INSERT INTO "memory" VALUES(21,'param',16384,16384);
INSERT INTO "memory" VALUES(21,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(22,'act',803840,65536);
INSERT INTO "memory" VALUES(22,'base',419328,419072);
INSERT INTO "memory" VALUES(22,'data',61568,61568);
INSERT INTO "memory" VALUES(22,'fixed',0,0);
INSERT INTO "memory" VALUES(22,'grad',14336,14336);
INSERT INTO "memory" VALUES(22,'misc',4416,4416);
INSERT INTO "memory" VALUES(22,'opt',28672,28672);
INSERT INTO "memory" VALUES(22,'param',14336,14336);
INSERT INTO "memory" VALUES(22,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(23,'act',803840,65536);
INSERT INTO "memory" VALUES(23,'base',419328,419072);
INSERT INTO "memory" VALUES(23,'data',61568,61568);
INSERT INTO "memory" VALUES(23,'fixed',0,0);
INSERT INTO "memory" VALUES(23,'grad',14336,14336);
INSERT INTO "memory" VALUES(23,'misc',4416,4416);
INSERT INTO "memory" VALUES(23,'opt',28672,28672);
INSERT INTO "memory" VALUES(23,'param',14336,14336);
INSERT INTO "memory" VALUES(23,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(24,'act',1182720,229376);
INSERT INTO "memory" VALUES(24,'base',419328,419072);
INSERT INTO "memory" VALUES(24,'data',61568,61568);
INSERT INTO "memory" VALUES(24,'fixed',0,0);
INSERT INTO "memory" VALUES(24,'grad',65536,65536);
INSERT INTO "memory" VALUES(24,'misc',5056,5056);
INSERT INTO "memory" VALUES(24,'opt',131072,131072);
INSERT INTO "memory" VALUES(24,'param',65536,65536);
INSERT INTO "memory" VALUES(24,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(25,'act',1182720,229376);
INSERT INTO "memory" VALUES(25,'base',419328,419072);
INSERT INTO "memory" VALUES(25,'data',61568,61568);
INSERT INTO "memory" VALUES(25,'fixed',0,0);
INSERT INTO "memory" VALUES(25,'grad',65536,65536);
INSERT INTO "memory" VALUES(25,'misc',5056,5056);
INSERT INTO "memory" VALUES(25,'opt',131072,131072);
INSERT INTO "memory" VALUES(25,'param',65536,65536);
INSERT INTO "memory" VALUES(25,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(26,'act',788480,16384);
INSERT INTO "memory" VALUES(26,'base',419328,369920);
INSERT INTO "memory" VALUES(26,'data',61568,61568);
INSERT INTO "memory" VALUES(26,'fixed',7168,7168);
INSERT INTO "memory" VALUES(26,'grad',3584,3584);
INSERT INTO "memory" VALUES(26,'misc',4480,4480);
INSERT INTO "memory" VALUES(26,'opt',7168,7168);
INSERT INTO "memory" VALUES(26,'param',52736,52736);
INSERT INTO "memory" VALUES(26,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(27,'act',788480,16384);
INSERT INTO "memory" VALUES(27,'base',419328,369920);
INSERT INTO "memory" VALUES(27,'data',61568,61568);
INSERT INTO "memory" VALUES(27,'fixed',7168,7168);
INSERT INTO "memory" VALUES(27,'grad',3584,3584);
INSERT INTO "memory" VALUES(27,'misc',4480,4480);
INSERT INTO "memory" VALUES(27,'opt',7168,7168);
INSERT INTO "memory" VALUES(27,'param',52736,52736);
INSERT INTO "memory" VALUES(27,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(28,'act',1128960,57344);
INSERT INTO "memory" VALUES(28,'base',419328,124160);
INSERT INTO "memory" VALUES(28,'data',61568,61568);
INSERT INTO "memory" VALUES(28,'fixed',32768,32768);
INSERT INTO "memory" VALUES(28,'grad',16384,16384);
INSERT INTO "memory" VALUES(28,'misc',5120,5120);
INSERT INTO "memory" VALUES(28,'opt',32768,32768);
INSERT INTO "memory" VALUES(28,'param',311296,311296);
INSERT INTO "memory" VALUES(28,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(29,'act',1128960,57344);
INSERT INTO "memory" VALUES(29,'base',419328,124160);
INSERT INTO "memory" VALUES(29,'data',61568,61568);
INSERT INTO "memory" VALUES(29,'fixed',32768,32768);
INSERT INTO "memory" VALUES(29,'grad',16384,16384);
INSERT INTO "memory" VALUES(29,'misc',5120,5120);
INSERT INTO "memory" VALUES(29,'opt',32768,32768);
INSERT INTO "memory" VALUES(29,'param',311296,311296);
INSERT INTO "memory" VALUES(29,'scratch',11719872,11719872);
INSERT INTO "memory" VALUES(30,'act',803840,65536);
INSERT INTO "memory" VALUES(30,'base',419328,369920);
INSERT INTO "memory" VALUES(30,'data',61568,61568);
INSERT INTO "memory" VALUES(30,'fixed',28672,28672);
INSERT INTO "memory" VALUES(30,'grad',14336,14336);
INSERT INTO "memory" VALUES(30,'misc',4480,4480);
INSERT INTO "memory" VALUES(30,'opt',28672,28672);
INSERT INTO "memory" VALUES(30,'param',63488,63488);
INSERT INTO "memory" VALUES(30,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(31,'act',803840,65536);
INSERT INTO "memory" VALUES(31,'base',419328,369920);
INSERT INTO "memory" VALUES(31,'data',61568,61568);
INSERT INTO "memory" VALUES(31,'fixed',28672,28672);
INSERT INTO "memory" VALUES(31,'grad',14336,14336);
INSERT INTO "memory" VALUES(31,'misc',4480,4480);
INSERT INTO "memory" VALUES(31,'opt',28672,28672);
INSERT INTO "memory" VALUES(31,'param',63488,63488);
INSERT INTO "memory" VALUES(31,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(32,'act',1182720,229376);
INSERT INTO "memory" VALUES(32,'base',419328,124160);
INSERT INTO "memory" VALUES(32,'data',61568,61568);
INSERT INTO "memory" VALUES(32,'fixed',131072,131072);
INSERT INTO "memory" VALUES(32,'grad',65536,65536);
INSERT INTO "memory" VALUES(32,'misc',5120,5120);
INSERT INTO "memory" VALUES(32,'opt',131072,131072);
INSERT INTO "memory" VALUES(32,'param',360448,360448);
INSERT INTO "memory" VALUES(32,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(33,'act',1182720,229376);
INSERT INTO "memory" VALUES(33,'base',419328,124160);
INSERT INTO "memory" VALUES(33,'data',61568,61568);
INSERT INTO "memory" VALUES(33,'fixed',131072,131072);
INSERT INTO "memory" VALUES(33,'grad',65536,65536);
INSERT INTO "memory" VALUES(33,'misc',5120,5120);
INSERT INTO "memory" VALUES(33,'opt',131072,131072);
INSERT INTO "memory" VALUES(33,'param',360448,360448);
INSERT INTO "memory" VALUES(33,'scratch',11732160,11732160);
INSERT INTO "memory" VALUES(34,'act',988160,917504);
INSERT INTO "memory" VALUES(34,'base',419328,419072);
INSERT INTO "memory" VALUES(34,'data',61568,61568);
INSERT INTO "memory" VALUES(34,'fixed',32768,32768);
INSERT INTO "memory" VALUES(34,'grad',5888,5888);
INSERT INTO "memory" VALUES(34,'misc',5952,5952);
INSERT INTO "memory" VALUES(34,'opt',11776,11776);
INSERT INTO "memory" VALUES(34,'param',5888,5888);
INSERT INTO "memory" VALUES(34,'scratch',12043456,12043456);
INSERT INTO "memory" VALUES(35,'act',988160,917504);
INSERT INTO "memory" VALUES(35,'base',419328,419072);
INSERT INTO "memory" VALUES(35,'data',61568,61568);
INSERT INTO "memory" VALUES(35,'fixed',32768,32768);
INSERT INTO "memory" VALUES(35,'grad',5888,5888);
INSERT INTO "memory" VALUES(35,'misc',5952,5952);
INSERT INTO "memory" VALUES(35,'opt',11776,11776);
INSERT INTO "memory" VALUES(35,'param',5888,5888);
INSERT INTO "memory" VALUES(35,'scratch',12043456,12043456);
INSERT INTO "memory" VALUES(36,'act',1111040,0);
INSERT INTO "memory" VALUES(36,'base',419328,0);
INSERT INTO "memory" VALUES(36,'data',61568,61568);
INSERT INTO "memory" VALUES(36,'fixed',0,0);
INSERT INTO "memory" VALUES(36,'grad',419072,419072);
INSERT INTO "memory" VALUES(36,'misc',4096,4096);
INSERT INTO "memory" VALUES(36,'opt',838144,838144);
INSERT INTO "memory" VALUES(36,'param',419072,419072);
INSERT INTO "memory" VALUES(36,'scratch',11715776,11715776);
INSERT INTO "memory" VALUES(37,'act',1111040,0);
INSERT INTO "memory" VALUES(37,'base',419328,0);
INSERT INTO "memory" VALUES(37,'data',61568,61568);
INSERT INTO "memory" VALUES(37,'fixed',0,0);
INSERT INTO "memory" VALUES(37,'grad',419072,419072);
INSERT INTO "memory" VALUES(37,'misc',4096,4096);
INSERT INTO "memory" VALUES(37,'opt',838144,838144);
INSERT INTO "memory" VALUES(37,'param',419072,419072);
INSERT INTO "memory" VALUES(37,'scratch',11715776,11715776);
CREATE TABLE metric (
    run   INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    step  INTEGER NOT NULL,     -- optimizer steps done
    value REAL,                 -- NULL unless kind is finite
    kind  TEXT NOT NULL CHECK (kind IN ('finite', 'nan', '+inf', '-inf')),
    PRIMARY KEY (run, key, step)
) STRICT, WITHOUT ROWID;
INSERT INTO "metric" VALUES(1,'eval/loss',0,6.60287073294321658067e+00,'finite');
INSERT INTO "metric" VALUES(2,'eval/loss',10,5.98679724216461206509e+00,'finite');
INSERT INTO "metric" VALUES(2,'eval/loss',20,5.41915534416834532294e+00,'finite');
INSERT INTO "metric" VALUES(2,'eval/loss',30,5.31060779968897467284e+00,'finite');
INSERT INTO "metric" VALUES(3,'eval/loss',10,6.00117841561635323444e+00,'finite');
INSERT INTO "metric" VALUES(3,'eval/loss',20,5.34942532618840527192e+00,'finite');
INSERT INTO "metric" VALUES(3,'eval/loss',30,5.22221686204274515574e+00,'finite');
INSERT INTO "metric" VALUES(4,'eval/loss',10,4.15382389386494921268e+00,'finite');
INSERT INTO "metric" VALUES(4,'eval/loss',20,3.7187478987375897077e+00,'finite');
INSERT INTO "metric" VALUES(4,'eval/loss',30,3.6304324962695440071e+00,'finite');
INSERT INTO "metric" VALUES(5,'eval/loss',10,4.06767680625120764403e+00,'finite');
INSERT INTO "metric" VALUES(5,'eval/loss',20,3.71297255873680098758e+00,'finite');
INSERT INTO "metric" VALUES(5,'eval/loss',30,3.62113840262095143529e+00,'finite');
INSERT INTO "metric" VALUES(6,'eval/loss',10,5.3078374218940735929e+00,'finite');
INSERT INTO "metric" VALUES(6,'eval/loss',20,4.72755115667978920157e+00,'finite');
INSERT INTO "metric" VALUES(6,'eval/loss',30,4.57552535017331418742e+00,'finite');
INSERT INTO "metric" VALUES(7,'eval/loss',10,5.12049888372421246884e+00,'finite');
INSERT INTO "metric" VALUES(7,'eval/loss',20,4.60752124309539823343e+00,'finite');
INSERT INTO "metric" VALUES(7,'eval/loss',30,4.49397880156834883536e+00,'finite');
INSERT INTO "metric" VALUES(8,'eval/loss',10,3.79474402228991181118e+00,'finite');
INSERT INTO "metric" VALUES(8,'eval/loss',20,3.32361934065818775962e+00,'finite');
INSERT INTO "metric" VALUES(8,'eval/loss',30,3.20505144139130893066e+00,'finite');
INSERT INTO "metric" VALUES(9,'eval/loss',10,3.62214569350083648302e+00,'finite');
INSERT INTO "metric" VALUES(9,'eval/loss',20,3.31012110789616897932e+00,'finite');
INSERT INTO "metric" VALUES(9,'eval/loss',30,3.23960874140262600207e+00,'finite');
INSERT INTO "metric" VALUES(10,'eval/loss',10,6.36443791866302532866e+00,'finite');
INSERT INTO "metric" VALUES(10,'eval/loss',20,6.21637053092320801539e+00,'finite');
INSERT INTO "metric" VALUES(10,'eval/loss',30,6.18932435671488434536e+00,'finite');
INSERT INTO "metric" VALUES(11,'eval/loss',10,6.31954049587249766517e+00,'finite');
INSERT INTO "metric" VALUES(11,'eval/loss',20,6.1837907838821415396e+00,'finite');
INSERT INTO "metric" VALUES(11,'eval/loss',30,6.15870459238688194858e+00,'finite');
INSERT INTO "metric" VALUES(12,'eval/loss',10,4.66332469642162283918e+00,'finite');
INSERT INTO "metric" VALUES(12,'eval/loss',20,4.21950243333975461013e+00,'finite');
INSERT INTO "metric" VALUES(12,'eval/loss',30,4.1505498305956525229e+00,'finite');
INSERT INTO "metric" VALUES(13,'eval/loss',10,4.76363503177960723178e+00,'finite');
INSERT INTO "metric" VALUES(13,'eval/loss',20,4.20313037733237,'finite');
INSERT INTO "metric" VALUES(13,'eval/loss',30,4.09583982904752108566e+00,'finite');
INSERT INTO "metric" VALUES(14,'eval/loss',10,5.92961053291956563526e+00,'finite');
INSERT INTO "metric" VALUES(14,'eval/loss',20,5.58012264172236083226e+00,'finite');
INSERT INTO "metric" VALUES(14,'eval/loss',30,5.50617135922114098178e+00,'finite');
INSERT INTO "metric" VALUES(15,'eval/loss',10,5.82909952481587723127e+00,'finite');
INSERT INTO "metric" VALUES(15,'eval/loss',20,5.31839630524317463766e+00,'finite');
INSERT INTO "metric" VALUES(15,'eval/loss',30,5.22985215425491301033e+00,'finite');
INSERT INTO "metric" VALUES(16,'eval/loss',10,3.87158726652463291983e+00,'finite');
INSERT INTO "metric" VALUES(16,'eval/loss',20,3.5323661086956659183e+00,'finite');
INSERT INTO "metric" VALUES(16,'eval/loss',30,3.46058402518431362793e+00,'finite');
INSERT INTO "metric" VALUES(17,'eval/loss',10,3.81354689617951692071e+00,'finite');
INSERT INTO "metric" VALUES(17,'eval/loss',20,3.43682701865832029852e+00,'finite');
INSERT INTO "metric" VALUES(17,'eval/loss',30,3.3554365188876786874e+00,'finite');
INSERT INTO "metric" VALUES(18,'eval/loss',10,5.06415362517039,'finite');
INSERT INTO "metric" VALUES(18,'eval/loss',20,4.66892603158950780795e+00,'finite');
INSERT INTO "metric" VALUES(18,'eval/loss',30,4.5845317776997882575e+00,'finite');
INSERT INTO "metric" VALUES(19,'eval/loss',10,5.03731255531311,'finite');
INSERT INTO "metric" VALUES(19,'eval/loss',20,4.60252360423406,'finite');
INSERT INTO "metric" VALUES(19,'eval/loss',30,4.49285498062769583782e+00,'finite');
INSERT INTO "metric" VALUES(20,'eval/loss',10,4.62210367202758831695e+00,'finite');
INSERT INTO "metric" VALUES(20,'eval/loss',20,4.49223958253860455869e+00,'finite');
INSERT INTO "metric" VALUES(20,'eval/loss',30,4.44280710021654723362e+00,'finite');
INSERT INTO "metric" VALUES(21,'eval/loss',10,4.76300862769285870967e+00,'finite');
INSERT INTO "metric" VALUES(21,'eval/loss',20,4.73350251475969940884e+00,'finite');
INSERT INTO "metric" VALUES(21,'eval/loss',30,4.05512196441491479248e+00,'finite');
INSERT INTO "metric" VALUES(22,'eval/loss',10,4.45701367696126293793e+00,'finite');
INSERT INTO "metric" VALUES(22,'eval/loss',20,3.99998994668324803214e+00,'finite');
INSERT INTO "metric" VALUES(22,'eval/loss',30,3.91811789711316427187e+00,'finite');
INSERT INTO "metric" VALUES(23,'eval/loss',10,4.60253629326820412615e+00,'finite');
INSERT INTO "metric" VALUES(23,'eval/loss',20,4.21697786211967429181e+00,'finite');
INSERT INTO "metric" VALUES(23,'eval/loss',30,4.06987162391344714507e+00,'finite');
INSERT INTO "metric" VALUES(24,'eval/loss',10,4.80794211387634273791e+00,'finite');
INSERT INTO "metric" VALUES(24,'eval/loss',20,4.68895199696222952923e+00,'finite');
INSERT INTO "metric" VALUES(24,'eval/loss',30,4.66578661799430882695e+00,'finite');
INSERT INTO "metric" VALUES(25,'eval/loss',10,4.84434835215409620445e+00,'finite');
INSERT INTO "metric" VALUES(25,'eval/loss',20,4.47306686123212138284e+00,'finite');
INSERT INTO "metric" VALUES(25,'eval/loss',30,4.26089003086090123417e+00,'finite');
INSERT INTO "metric" VALUES(26,'eval/loss',10,5.98679724216461206509e+00,'finite');
INSERT INTO "metric" VALUES(26,'eval/loss',20,5.06185165166854833529e+00,'finite');
INSERT INTO "metric" VALUES(26,'eval/loss',30,4.92804182211558,'finite');
INSERT INTO "metric" VALUES(27,'eval/loss',10,6.00117841561635323444e+00,'finite');
INSERT INTO "metric" VALUES(27,'eval/loss',20,5.00902285973231,'finite');
INSERT INTO "metric" VALUES(27,'eval/loss',30,4.90635341008504255455e+00,'finite');
INSERT INTO "metric" VALUES(28,'eval/loss',10,4.15382389386494921268e+00,'finite');
INSERT INTO "metric" VALUES(28,'eval/loss',20,3.62821440219879143285e+00,'finite');
INSERT INTO "metric" VALUES(28,'eval/loss',30,3.47138174156347911747e+00,'finite');
INSERT INTO "metric" VALUES(29,'eval/loss',10,4.06767680625120764403e+00,'finite');
INSERT INTO "metric" VALUES(29,'eval/loss',20,3.76646016756693535754e+00,'finite');
INSERT INTO "metric" VALUES(29,'eval/loss',30,3.64342483421166729584e+00,'finite');
INSERT INTO "metric" VALUES(30,'eval/loss',10,5.3078374218940735929e+00,'finite');
INSERT INTO "metric" VALUES(30,'eval/loss',20,4.45053576151529917126e+00,'finite');
INSERT INTO "metric" VALUES(30,'eval/loss',30,4.26053077419598924535e+00,'finite');
INSERT INTO "metric" VALUES(31,'eval/loss',10,5.12049888372421246884e+00,'finite');
INSERT INTO "metric" VALUES(31,'eval/loss',20,4.38776017944018,'finite');
INSERT INTO "metric" VALUES(31,'eval/loss',30,4.25095691641171757879e+00,'finite');
INSERT INTO "metric" VALUES(32,'eval/loss',10,3.79474402228991181118e+00,'finite');
INSERT INTO "metric" VALUES(32,'eval/loss',20,3.39496731857458744485e+00,'finite');
INSERT INTO "metric" VALUES(32,'eval/loss',30,3.20120633165041601486e+00,'finite');
INSERT INTO "metric" VALUES(33,'eval/loss',10,3.62214569350083648302e+00,'finite');
INSERT INTO "metric" VALUES(33,'eval/loss',20,3.51189305106798821398e+00,'finite');
INSERT INTO "metric" VALUES(33,'eval/loss',30,3.29900549550851174274e+00,'finite');
INSERT INTO "metric" VALUES(34,'eval/loss',10,4.95281517744064370134e+00,'finite');
INSERT INTO "metric" VALUES(34,'eval/loss',20,4.23055166383584335676e+00,'finite');
INSERT INTO "metric" VALUES(34,'eval/loss',30,4.1075700730085369372e+00,'finite');
INSERT INTO "metric" VALUES(35,'eval/loss',10,4.9405744242668152566e+00,'finite');
INSERT INTO "metric" VALUES(35,'eval/loss',20,4.21073043485482489955e+00,'finite');
INSERT INTO "metric" VALUES(35,'eval/loss',30,4.08960229774316186279e+00,'finite');
INSERT INTO "metric" VALUES(36,'eval/loss',10,2.37173523361484228644e+00,'finite');
INSERT INTO "metric" VALUES(36,'eval/loss',20,1.56618723393107450725e+00,'finite');
INSERT INTO "metric" VALUES(36,'eval/loss',30,1.44747448820620783216e+00,'finite');
INSERT INTO "metric" VALUES(37,'eval/loss',10,2.43716106976072,'finite');
INSERT INTO "metric" VALUES(37,'eval/loss',20,1.66353354879344506045e+00,'finite');
INSERT INTO "metric" VALUES(37,'eval/loss',30,1.50001298905660718219e+00,'finite');
CREATE TABLE model (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    path   TEXT,                -- where it was last read from
    digest TEXT NOT NULL,       -- SHA-256 over its files
    bytes  INTEGER,             -- of the weight files
    UNIQUE (name, digest)
) STRICT;
INSERT INTO "model" VALUES(1,'smoke','/bench/build/share/models/smoke','55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8',419072);
CREATE TABLE param (
    point INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    num   REAL,                 -- numbers and booleans (0, 1)
    txt   TEXT,                 -- strings; lists as JSON
    PRIMARY KEY (point, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "param" VALUES(1,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(1,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(1,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(1,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(1,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(1,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(1,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(1,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(1,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(1,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(1,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(1,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(1,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(1,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(1,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(1,'init',NULL,NULL);
INSERT INTO "param" VALUES(1,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(1,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(1,'method',NULL,'lora');
INSERT INTO "param" VALUES(1,'model',NULL,'smoke');
INSERT INTO "param" VALUES(1,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(1,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(1,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(1,'r',2.0,NULL);
INSERT INTO "param" VALUES(1,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(1,'task',NULL,'lm');
INSERT INTO "param" VALUES(1,'threads',0.0,NULL);
INSERT INTO "param" VALUES(1,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(1,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(1,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(1,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(1,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(1,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(1,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(1,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(1,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(1,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(1,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(1,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(1,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(1,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(1,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(1,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(1,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(1,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(1,'weights',NULL,'native');
INSERT INTO "param" VALUES(2,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(2,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(2,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(2,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(2,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(2,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(2,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(2,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(2,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(2,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(2,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(2,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(2,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(2,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(2,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(2,'init',NULL,NULL);
INSERT INTO "param" VALUES(2,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(2,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(2,'method',NULL,'lora');
INSERT INTO "param" VALUES(2,'model',NULL,'smoke');
INSERT INTO "param" VALUES(2,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(2,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(2,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(2,'r',2.0,NULL);
INSERT INTO "param" VALUES(2,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(2,'task',NULL,'lm');
INSERT INTO "param" VALUES(2,'threads',0.0,NULL);
INSERT INTO "param" VALUES(2,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(2,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(2,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(2,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(2,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(2,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(2,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(2,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(2,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(2,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(2,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(2,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(2,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(2,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(2,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(2,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(2,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(2,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(2,'weights',NULL,'native');
INSERT INTO "param" VALUES(3,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(3,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(3,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(3,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(3,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(3,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(3,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(3,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(3,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(3,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(3,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(3,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(3,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(3,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(3,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(3,'init',NULL,NULL);
INSERT INTO "param" VALUES(3,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(3,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(3,'method',NULL,'lora');
INSERT INTO "param" VALUES(3,'model',NULL,'smoke');
INSERT INTO "param" VALUES(3,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(3,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(3,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(3,'r',8.0,NULL);
INSERT INTO "param" VALUES(3,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(3,'task',NULL,'lm');
INSERT INTO "param" VALUES(3,'threads',0.0,NULL);
INSERT INTO "param" VALUES(3,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(3,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(3,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(3,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(3,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(3,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(3,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(3,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(3,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(3,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(3,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(3,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(3,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(3,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(3,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(3,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(3,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(3,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(3,'weights',NULL,'native');
INSERT INTO "param" VALUES(4,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(4,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(4,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(4,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(4,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(4,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(4,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(4,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(4,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(4,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(4,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(4,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(4,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(4,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(4,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(4,'init',NULL,NULL);
INSERT INTO "param" VALUES(4,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(4,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(4,'method',NULL,'lora');
INSERT INTO "param" VALUES(4,'model',NULL,'smoke');
INSERT INTO "param" VALUES(4,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(4,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(4,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(4,'r',8.0,NULL);
INSERT INTO "param" VALUES(4,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(4,'task',NULL,'lm');
INSERT INTO "param" VALUES(4,'threads',0.0,NULL);
INSERT INTO "param" VALUES(4,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(4,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(4,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(4,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(4,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(4,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(4,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(4,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(4,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(4,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(4,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(4,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(4,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(4,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(4,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(4,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(4,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(4,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(4,'weights',NULL,'native');
INSERT INTO "param" VALUES(5,'correct',NULL,NULL);
INSERT INTO "param" VALUES(5,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(5,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(5,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(5,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(5,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(5,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(5,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(5,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(5,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(5,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(5,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(5,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(5,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(5,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(5,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(5,'init',NULL,NULL);
INSERT INTO "param" VALUES(5,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(5,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(5,'method',NULL,'lora_fa');
INSERT INTO "param" VALUES(5,'model',NULL,'smoke');
INSERT INTO "param" VALUES(5,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(5,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(5,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(5,'r',2.0,NULL);
INSERT INTO "param" VALUES(5,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(5,'task',NULL,'lm');
INSERT INTO "param" VALUES(5,'threads',0.0,NULL);
INSERT INTO "param" VALUES(5,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(5,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(5,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(5,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(5,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(5,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(5,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(5,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(5,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(5,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(5,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(5,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(5,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(5,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(5,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(5,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(5,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(5,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(5,'weights',NULL,'native');
INSERT INTO "param" VALUES(6,'correct',NULL,NULL);
INSERT INTO "param" VALUES(6,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(6,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(6,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(6,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(6,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(6,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(6,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(6,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(6,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(6,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(6,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(6,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(6,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(6,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(6,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(6,'init',NULL,NULL);
INSERT INTO "param" VALUES(6,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(6,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(6,'method',NULL,'lora_fa');
INSERT INTO "param" VALUES(6,'model',NULL,'smoke');
INSERT INTO "param" VALUES(6,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(6,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(6,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(6,'r',2.0,NULL);
INSERT INTO "param" VALUES(6,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(6,'task',NULL,'lm');
INSERT INTO "param" VALUES(6,'threads',0.0,NULL);
INSERT INTO "param" VALUES(6,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(6,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(6,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(6,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(6,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(6,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(6,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(6,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(6,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(6,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(6,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(6,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(6,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(6,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(6,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(6,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(6,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(6,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(6,'weights',NULL,'native');
INSERT INTO "param" VALUES(7,'correct',NULL,NULL);
INSERT INTO "param" VALUES(7,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(7,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(7,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(7,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(7,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(7,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(7,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(7,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(7,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(7,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(7,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(7,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(7,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(7,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(7,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(7,'init',NULL,NULL);
INSERT INTO "param" VALUES(7,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(7,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(7,'method',NULL,'lora_fa');
INSERT INTO "param" VALUES(7,'model',NULL,'smoke');
INSERT INTO "param" VALUES(7,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(7,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(7,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(7,'r',8.0,NULL);
INSERT INTO "param" VALUES(7,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(7,'task',NULL,'lm');
INSERT INTO "param" VALUES(7,'threads',0.0,NULL);
INSERT INTO "param" VALUES(7,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(7,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(7,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(7,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(7,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(7,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(7,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(7,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(7,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(7,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(7,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(7,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(7,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(7,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(7,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(7,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(7,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(7,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(7,'weights',NULL,'native');
INSERT INTO "param" VALUES(8,'correct',NULL,NULL);
INSERT INTO "param" VALUES(8,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(8,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(8,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(8,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(8,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(8,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(8,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(8,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(8,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(8,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(8,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(8,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(8,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(8,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(8,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(8,'init',NULL,NULL);
INSERT INTO "param" VALUES(8,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(8,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(8,'method',NULL,'lora_fa');
INSERT INTO "param" VALUES(8,'model',NULL,'smoke');
INSERT INTO "param" VALUES(8,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(8,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(8,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(8,'r',8.0,NULL);
INSERT INTO "param" VALUES(8,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(8,'task',NULL,'lm');
INSERT INTO "param" VALUES(8,'threads',0.0,NULL);
INSERT INTO "param" VALUES(8,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(8,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(8,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(8,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(8,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(8,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(8,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(8,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(8,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(8,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(8,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(8,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(8,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(8,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(8,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(8,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(8,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(8,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(8,'weights',NULL,'native');
INSERT INTO "param" VALUES(9,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(9,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(9,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(9,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(9,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(9,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(9,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(9,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(9,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(9,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(9,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(9,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(9,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(9,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(9,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(9,'init',NULL,NULL);
INSERT INTO "param" VALUES(9,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(9,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(9,'loraplus_lr_ratio',16.0,NULL);
INSERT INTO "param" VALUES(9,'method',NULL,'lora_plus');
INSERT INTO "param" VALUES(9,'model',NULL,'smoke');
INSERT INTO "param" VALUES(9,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(9,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(9,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(9,'r',2.0,NULL);
INSERT INTO "param" VALUES(9,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(9,'task',NULL,'lm');
INSERT INTO "param" VALUES(9,'threads',0.0,NULL);
INSERT INTO "param" VALUES(9,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(9,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(9,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(9,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(9,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(9,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(9,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(9,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(9,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(9,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(9,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(9,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(9,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(9,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(9,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(9,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(9,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(9,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(9,'weights',NULL,'native');
INSERT INTO "param" VALUES(10,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(10,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(10,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(10,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(10,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(10,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(10,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(10,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(10,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(10,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(10,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(10,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(10,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(10,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(10,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(10,'init',NULL,NULL);
INSERT INTO "param" VALUES(10,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(10,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(10,'loraplus_lr_ratio',16.0,NULL);
INSERT INTO "param" VALUES(10,'method',NULL,'lora_plus');
INSERT INTO "param" VALUES(10,'model',NULL,'smoke');
INSERT INTO "param" VALUES(10,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(10,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(10,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(10,'r',2.0,NULL);
INSERT INTO "param" VALUES(10,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(10,'task',NULL,'lm');
INSERT INTO "param" VALUES(10,'threads',0.0,NULL);
INSERT INTO "param" VALUES(10,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(10,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(10,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(10,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(10,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(10,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(10,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(10,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(10,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(10,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(10,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(10,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(10,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(10,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(10,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(10,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(10,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(10,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(10,'weights',NULL,'native');
INSERT INTO "param" VALUES(11,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(11,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(11,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(11,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(11,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(11,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(11,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(11,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(11,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(11,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(11,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(11,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(11,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(11,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(11,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(11,'init',NULL,NULL);
INSERT INTO "param" VALUES(11,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(11,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(11,'loraplus_lr_ratio',16.0,NULL);
INSERT INTO "param" VALUES(11,'method',NULL,'lora_plus');
INSERT INTO "param" VALUES(11,'model',NULL,'smoke');
INSERT INTO "param" VALUES(11,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(11,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(11,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(11,'r',8.0,NULL);
INSERT INTO "param" VALUES(11,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(11,'task',NULL,'lm');
INSERT INTO "param" VALUES(11,'threads',0.0,NULL);
INSERT INTO "param" VALUES(11,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(11,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(11,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(11,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(11,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(11,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(11,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(11,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(11,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(11,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(11,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(11,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(11,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(11,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(11,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(11,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(11,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(11,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(11,'weights',NULL,'native');
INSERT INTO "param" VALUES(12,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(12,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(12,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(12,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(12,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(12,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(12,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(12,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(12,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(12,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(12,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(12,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(12,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(12,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(12,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(12,'init',NULL,NULL);
INSERT INTO "param" VALUES(12,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(12,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(12,'loraplus_lr_ratio',16.0,NULL);
INSERT INTO "param" VALUES(12,'method',NULL,'lora_plus');
INSERT INTO "param" VALUES(12,'model',NULL,'smoke');
INSERT INTO "param" VALUES(12,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(12,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(12,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(12,'r',8.0,NULL);
INSERT INTO "param" VALUES(12,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(12,'task',NULL,'lm');
INSERT INTO "param" VALUES(12,'threads',0.0,NULL);
INSERT INTO "param" VALUES(12,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(12,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(12,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(12,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(12,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(12,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(12,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(12,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(12,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(12,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(12,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(12,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(12,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(12,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(12,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(12,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(12,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(12,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(12,'weights',NULL,'native');
INSERT INTO "param" VALUES(13,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(13,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(13,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(13,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(13,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(13,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(13,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(13,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(13,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(13,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(13,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(13,'delta_lambda',2.0,NULL);
INSERT INTO "param" VALUES(13,'delta_start',10.0,NULL);
INSERT INTO "param" VALUES(13,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(13,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(13,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(13,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(13,'init',NULL,NULL);
INSERT INTO "param" VALUES(13,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(13,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(13,'method',NULL,'delta_lora');
INSERT INTO "param" VALUES(13,'model',NULL,'smoke');
INSERT INTO "param" VALUES(13,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(13,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(13,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(13,'r',2.0,NULL);
INSERT INTO "param" VALUES(13,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(13,'task',NULL,'lm');
INSERT INTO "param" VALUES(13,'threads',0.0,NULL);
INSERT INTO "param" VALUES(13,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(13,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(13,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(13,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(13,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(13,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(13,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(13,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(13,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(13,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(13,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(13,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(13,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(13,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(13,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(13,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(13,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(13,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(13,'weights',NULL,'native');
INSERT INTO "param" VALUES(14,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(14,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(14,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(14,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(14,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(14,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(14,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(14,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(14,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(14,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(14,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(14,'delta_lambda',2.0,NULL);
INSERT INTO "param" VALUES(14,'delta_start',10.0,NULL);
INSERT INTO "param" VALUES(14,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(14,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(14,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(14,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(14,'init',NULL,NULL);
INSERT INTO "param" VALUES(14,'lora_alpha',4.0,NULL);
INSERT INTO "param" VALUES(14,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(14,'method',NULL,'delta_lora');
INSERT INTO "param" VALUES(14,'model',NULL,'smoke');
INSERT INTO "param" VALUES(14,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(14,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(14,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(14,'r',2.0,NULL);
INSERT INTO "param" VALUES(14,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(14,'task',NULL,'lm');
INSERT INTO "param" VALUES(14,'threads',0.0,NULL);
INSERT INTO "param" VALUES(14,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(14,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(14,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(14,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(14,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(14,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(14,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(14,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(14,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(14,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(14,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(14,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(14,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(14,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(14,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(14,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(14,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(14,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(14,'weights',NULL,'native');
INSERT INTO "param" VALUES(15,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(15,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(15,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(15,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(15,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(15,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(15,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(15,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(15,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(15,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(15,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(15,'delta_lambda',2.0,NULL);
INSERT INTO "param" VALUES(15,'delta_start',10.0,NULL);
INSERT INTO "param" VALUES(15,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(15,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(15,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(15,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(15,'init',NULL,NULL);
INSERT INTO "param" VALUES(15,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(15,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(15,'method',NULL,'delta_lora');
INSERT INTO "param" VALUES(15,'model',NULL,'smoke');
INSERT INTO "param" VALUES(15,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(15,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(15,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(15,'r',8.0,NULL);
INSERT INTO "param" VALUES(15,'target_modules',NULL,'["q_proj","v_proj"]');
INSERT INTO "param" VALUES(15,'task',NULL,'lm');
INSERT INTO "param" VALUES(15,'threads',0.0,NULL);
INSERT INTO "param" VALUES(15,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(15,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(15,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(15,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(15,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(15,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(15,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(15,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(15,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(15,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(15,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(15,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(15,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(15,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(15,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(15,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(15,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(15,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(15,'weights',NULL,'native');
INSERT INTO "param" VALUES(16,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(16,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(16,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(16,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(16,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(16,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(16,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(16,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(16,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(16,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(16,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(16,'delta_lambda',2.0,NULL);
INSERT INTO "param" VALUES(16,'delta_start',10.0,NULL);
INSERT INTO "param" VALUES(16,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(16,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(16,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(16,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(16,'init',NULL,NULL);
INSERT INTO "param" VALUES(16,'lora_alpha',16.0,NULL);
INSERT INTO "param" VALUES(16,'lora_dropout',NULL,NULL);
INSERT INTO "param" VALUES(16,'method',NULL,'delta_lora');
INSERT INTO "param" VALUES(16,'model',NULL,'smoke');
INSERT INTO "param" VALUES(16,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(16,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(16,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(16,'r',8.0,NULL);
INSERT INTO "param" VALUES(16,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(16,'task',NULL,'lm');
INSERT INTO "param" VALUES(16,'threads',0.0,NULL);
INSERT INTO "param" VALUES(16,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(16,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(16,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(16,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(16,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(16,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(16,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(16,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(16,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(16,'train.lr',0.01,NULL);
INSERT INTO "param" VALUES(16,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(16,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(16,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(16,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(16,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(16,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(16,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(16,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(16,'weights',NULL,'native');
INSERT INTO "param" VALUES(17,'d_initial',0.1,NULL);
INSERT INTO "param" VALUES(17,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(17,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(17,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(17,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(17,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(17,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(17,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(17,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(17,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(17,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(17,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(17,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(17,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(17,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(17,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(17,'init',NULL,NULL);
INSERT INTO "param" VALUES(17,'method',NULL,'vera');
INSERT INTO "param" VALUES(17,'model',NULL,'smoke');
INSERT INTO "param" VALUES(17,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(17,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(17,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(17,'projection_prng_key',0.0,NULL);
INSERT INTO "param" VALUES(17,'r',32.0,NULL);
INSERT INTO "param" VALUES(17,'target_modules',NULL,'all-linear');
INSERT INTO "param" VALUES(17,'task',NULL,'lm');
INSERT INTO "param" VALUES(17,'threads',0.0,NULL);
INSERT INTO "param" VALUES(17,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(17,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(17,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(17,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(17,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(17,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(17,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(17,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(17,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(17,'train.lr',0.05,NULL);
INSERT INTO "param" VALUES(17,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(17,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(17,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(17,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(17,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(17,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(17,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(17,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(17,'weights',NULL,'native');
INSERT INTO "param" VALUES(18,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(18,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(18,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(18,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(18,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(18,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(18,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(18,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(18,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(18,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(18,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(18,'eval.every',10.0,NULL);
INSERT INTO "param" VALUES(18,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(18,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(18,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(18,'init',NULL,NULL);
INSERT INTO "param" VALUES(18,'method',NULL,'full');
INSERT INTO "param" VALUES(18,'model',NULL,'smoke');
INSERT INTO "param" VALUES(18,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(18,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(18,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(18,'target_modules',NULL,NULL);
INSERT INTO "param" VALUES(18,'task',NULL,'lm');
INSERT INTO "param" VALUES(18,'threads',0.0,NULL);
INSERT INTO "param" VALUES(18,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(18,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(18,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(18,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(18,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(18,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(18,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(18,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(18,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(18,'train.lr',0.005,NULL);
INSERT INTO "param" VALUES(18,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(18,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(18,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(18,'train.schedule',NULL,'cosine');
INSERT INTO "param" VALUES(18,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(18,'train.steps',30.0,NULL);
INSERT INTO "param" VALUES(18,'train.warmup',2.0,NULL);
INSERT INTO "param" VALUES(18,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(18,'weights',NULL,'native');
INSERT INTO "param" VALUES(19,'data.completion',NULL,NULL);
INSERT INTO "param" VALUES(19,'data.eval',NULL,NULL);
INSERT INTO "param" VALUES(19,'data.format',NULL,NULL);
INSERT INTO "param" VALUES(19,'data.header',1.0,NULL);
INSERT INTO "param" VALUES(19,'data.name',NULL,'smoke');
INSERT INTO "param" VALUES(19,'data.prompt',NULL,NULL);
INSERT INTO "param" VALUES(19,'data.quotes',NULL,'standard');
INSERT INTO "param" VALUES(19,'data.special_tokens',0.0,NULL);
INSERT INTO "param" VALUES(19,'data.test',NULL,NULL);
INSERT INTO "param" VALUES(19,'data.train',NULL,NULL);
INSERT INTO "param" VALUES(19,'data_digest',NULL,'3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c');
INSERT INTO "param" VALUES(19,'eval.every',0.0,NULL);
INSERT INTO "param" VALUES(19,'eval.rows',60.0,NULL);
INSERT INTO "param" VALUES(19,'generate.max_tokens',NULL,NULL);
INSERT INTO "param" VALUES(19,'generate.rows',NULL,NULL);
INSERT INTO "param" VALUES(19,'init',NULL,NULL);
INSERT INTO "param" VALUES(19,'method',NULL,'none');
INSERT INTO "param" VALUES(19,'model',NULL,'smoke');
INSERT INTO "param" VALUES(19,'model_digest',NULL,'55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8');
INSERT INTO "param" VALUES(19,'model_dropout',0.0,NULL);
INSERT INTO "param" VALUES(19,'model_path',NULL,'/bench/build/share/models/smoke');
INSERT INTO "param" VALUES(19,'target_modules',NULL,NULL);
INSERT INTO "param" VALUES(19,'task',NULL,'lm');
INSERT INTO "param" VALUES(19,'threads',0.0,NULL);
INSERT INTO "param" VALUES(19,'train.adam_betas',NULL,'[0.9,0.999]');
INSERT INTO "param" VALUES(19,'train.adam_eps',1.0e-08,NULL);
INSERT INTO "param" VALUES(19,'train.batch_size',8.0,NULL);
INSERT INTO "param" VALUES(19,'train.early_stop.metric',NULL,NULL);
INSERT INTO "param" VALUES(19,'train.early_stop.min_delta',NULL,NULL);
INSERT INTO "param" VALUES(19,'train.early_stop.patience',NULL,NULL);
INSERT INTO "param" VALUES(19,'train.epochs',NULL,NULL);
INSERT INTO "param" VALUES(19,'train.grad_accum',1.0,NULL);
INSERT INTO "param" VALUES(19,'train.grad_clip',1.0,NULL);
INSERT INTO "param" VALUES(19,'train.lr',0.0005,NULL);
INSERT INTO "param" VALUES(19,'train.max_length',64.0,NULL);
INSERT INTO "param" VALUES(19,'train.momentum',0.0,NULL);
INSERT INTO "param" VALUES(19,'train.optimizer',NULL,'adamw');
INSERT INTO "param" VALUES(19,'train.schedule',NULL,'linear');
INSERT INTO "param" VALUES(19,'train.shuffle',1.0,NULL);
INSERT INTO "param" VALUES(19,'train.steps',0.0,NULL);
INSERT INTO "param" VALUES(19,'train.warmup',0.0,NULL);
INSERT INTO "param" VALUES(19,'train.weight_decay',0.0,NULL);
INSERT INTO "param" VALUES(19,'weights',NULL,'native');
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
INSERT INTO "point" VALUES(1,'a5bbdcbacfa2346ee86ec774255c091966be4ccb223556067c454e1590c084ea','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora',0,'lm',1,1,2,4.0,0.01,'q_proj,v_proj',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"method":"lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(2,'b3e792a2b5389795e522422410e643f07208e342054557bda0457fd000e0c66d','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora',0,'lm',1,1,2,4.0,0.01,'all-linear',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"method":"lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(3,'437d9fa8929a532b0f0cc1645817c07ea1e687f017788e939a711d4a0b4123ab','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora',0,'lm',1,1,8,16.0,0.01,'q_proj,v_proj',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"method":"lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(4,'f3f2e5610ef6aa16919e9295fb2b3a15a93c62062acbadb9d544bee505cd01ee','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora',0,'lm',1,1,8,16.0,0.01,'all-linear',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"method":"lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(5,'bf5dac14e2a0d8bb4bf24c8c898c755b82be01d00c77a462e5b0d0ca60c3ddd0','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_fa',0,'lm',1,1,2,4.0,0.01,'q_proj,v_proj',8,64,'native','{"correct":null,"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"method":"lora_fa","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(6,'17f1ec6b2b5b13e11b9c876406eddfe7cd8104590f2c2402de4ebbb153e3cb6c','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_fa',0,'lm',1,1,2,4.0,0.01,'all-linear',8,64,'native','{"correct":null,"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"method":"lora_fa","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(7,'48209404ec9c8761812a1bf43ddffa45a74e8e6c9138d1a2e9a75c8b6f9e286c','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_fa',0,'lm',1,1,8,16.0,0.01,'q_proj,v_proj',8,64,'native','{"correct":null,"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"method":"lora_fa","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(8,'344ca6b9eb84ed50b1fd384262f364afa70634b6700b6543fb8efe5eea169946','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_fa',0,'lm',1,1,8,16.0,0.01,'all-linear',8,64,'native','{"correct":null,"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"method":"lora_fa","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(9,'bac07e6078991ed160dafb7735cc8948faf55cf4509548f296c69b7cff1de907','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_plus',0,'lm',1,1,2,4.0,0.01,'q_proj,v_proj',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"loraplus_lr_ratio":16.0,"method":"lora_plus","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(10,'9846c218dc938589b93fd05c6d1e6fd151bbbace168dc4d46e87bc3754a65ecd','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_plus',0,'lm',1,1,2,4.0,0.01,'all-linear',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"loraplus_lr_ratio":16.0,"method":"lora_plus","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(11,'93596139670f6333cc4040f17b55ac81b402a01e5aff4e73f6308223f40e155e','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_plus',0,'lm',1,1,8,16.0,0.01,'q_proj,v_proj',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"loraplus_lr_ratio":16.0,"method":"lora_plus","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(12,'d3b684a6c50d3fc16267a3e428ebbcc4c1c2601a3d15868e59383e5893bf2d48','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','lora_plus',0,'lm',1,1,8,16.0,0.01,'all-linear',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"loraplus_lr_ratio":16.0,"method":"lora_plus","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(13,'79fb7d11f458c04549fb918a2413be75aceb6522f60f5545fb636baa8ef4b696','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','delta_lora',0,'lm',1,1,2,4.0,0.01,'q_proj,v_proj',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","delta_lambda":2.0,"delta_start":10,"eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"method":"delta_lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(14,'cef512fbbff744a1b6d33115d148e3c2d8a9ad68a2eb7a67d40587f4e68f5443','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','delta_lora',0,'lm',1,1,2,4.0,0.01,'all-linear',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","delta_lambda":2.0,"delta_start":10,"eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":4.0,"lora_dropout":null,"method":"delta_lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":2,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(15,'5614ddf620504f57e57b6158a94b8764ab9d25b9e0c72aecbc49f67f2f35f2cf','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','delta_lora',0,'lm',1,1,8,16.0,0.01,'q_proj,v_proj',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","delta_lambda":2.0,"delta_start":10,"eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"method":"delta_lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":["q_proj","v_proj"],"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(16,'dd2085ef9779fe810132f77f5e96045270a2562d9df991c626d115319534c404','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','delta_lora',0,'lm',1,1,8,16.0,0.01,'all-linear',8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","delta_lambda":2.0,"delta_start":10,"eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"lora_alpha":16.0,"lora_dropout":null,"method":"delta_lora","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","r":8,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.01,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(17,'673ca33f250c90d54353289eb18705af3ea9efa3fddf5b61a8ce25b15b9068ef','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','vera',0,'lm',1,1,32,NULL,0.05,'all-linear',8,64,'native','{"d_initial":0.1,"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"method":"vera","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","projection_prng_key":0,"r":32,"target_modules":"all-linear","task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.05,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(18,'936558786070297ecaa4ef8fd5df7dd375eb32e168e4bad9cff441c46cb810e1','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','full',0,'lm',1,1,NULL,NULL,0.005,NULL,8,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":10,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"method":"full","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","target_modules":null,"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.005,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"cosine","shuffle":true,"steps":30,"warmup":2.0,"weight_decay":0.0},"weights":"native"}');
INSERT INTO "point" VALUES(19,'eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','eb8c7aaf0a53140ee392481e606fd46461bedc80e7d6cf1597f5168923c83eeb','none',1,'lm',1,1,NULL,NULL,NULL,NULL,NULL,64,'native','{"data":{"completion":null,"eval":null,"format":null,"header":true,"name":"smoke","prompt":null,"quotes":"standard","special_tokens":false,"test":null,"train":null},"data_digest":"3df6c9b1cd18a6aa45d59353b5a4dcb322af1408ac8fbcd7dfabac790391a37c","eval":{"every":0,"rows":60},"generate":{"max_tokens":null,"rows":null},"init":null,"method":"none","model":"smoke","model_digest":"55c3931b463f56c9840271dd13adb9eaa53dadd33436ed0a3cd78da6424d19d8","model_dropout":0.0,"model_path":"/bench/build/share/models/smoke","target_modules":null,"task":"lm","threads":0,"train":{"adam_betas":[0.9,0.999],"adam_eps":1e-8,"batch_size":8,"early_stop":{"metric":null,"min_delta":null,"patience":null},"epochs":null,"grad_accum":1,"grad_clip":1.0,"lr":0.0005,"max_length":64,"momentum":0.0,"optimizer":"adamw","schedule":"linear","shuffle":true,"steps":0,"warmup":0.0,"weight_decay":0.0},"weights":"native"}');
CREATE TABLE point_control (
    sweep   INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,
    point   INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    control INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,      -- what is held equal: "alpha x ratio", "equal count", ...
    PRIMARY KEY (sweep, point, control, kind)
) STRICT, WITHOUT ROWID;
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
    peak_bytes           INTEGER,  -- through the allocation gate
    peak_bytes_predicted INTEGER,
    rss_bytes            INTEGER,  -- largest resident size of the worker
    checkpoint_bytes     INTEGER,  -- adapter_model.safetensors; for full, the model
    checkpoint_bytes_min INTEGER,  -- with regenerable matrices counted as one seed
    train_s              REAL,
    eval_s               REAL,
    total_s              REAL,
    UNIQUE (point, seed, attempt)
) STRICT;
INSERT INTO "run" VALUES(1,19,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,0,104768,0,0,0,NULL,6.60287073294321658067e+00,6.60287073294321658067e+00,6.60287073294321658067e+00,0,6.72396585782369,12168192,12168192,13225984,NULL,NULL,0.0,2.78991609998229250777e-02,4.18453719998979067895e-02);
INSERT INTO "run" VALUES(2,1,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,896,104768,12288,30,4357,5.31951402823130248265e+00,5.31060779968897467284e+00,5.31060779968897467284e+00,5.31060779968897467284e+00,30,5.32752229054768910998e+00,12235648,12235648,13582336,4608,3584,5.39846699989539047237e-02,0.0566175730004943,1.16210704000422992976e-01);
INSERT INTO "run" VALUES(3,1,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,896,104768,12288,30,4343,5.19305447141329512561e+00,5.22221686204274515574e+00,5.22221686204274515574e+00,5.22221686204274515574e+00,30,5.26086395502090464759e+00,12235648,12235648,13631488,4608,3584,1.07658392000757885398e-01,6.04853920003733946941e-02,1.9872536200000467943e-01);
INSERT INTO "run" VALUES(4,2,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,4096,104768,73728,30,4357,3.62491159091393155833e+00,3.6304324962695440071e+00,3.6304324962695440071e+00,3.6304324962695440071e+00,30,3.62436416765054048028e+00,12328448,12328448,13672448,19904,16384,8.36647320002157357521e-02,3.59769760007111472077e-02,1.95337956000003032386e-01);
INSERT INTO "run" VALUES(5,2,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,4096,104768,73728,30,4343,3.60441552201906878494e+00,3.62113840262095143529e+00,3.62113840262095143529e+00,3.62113840262095143529e+00,30,3.60953009486198439503e+00,12328448,12328448,13864960,19904,16384,1.08674257999609835678e-01,1.98479020000377204269e-02,1.6215115499971943791e-01);
INSERT INTO "run" VALUES(6,3,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,3584,104768,12288,30,4357,4.56373759706815107506e+00,4.57552535017331418742e+00,4.57552535017331418742e+00,4.57552535017331418742e+00,30,4.56692805210749330768e+00,12340096,12340096,13656064,15424,14336,9.19889829988278506789e-02,1.40096069994797289837e-02,1.2762731600014376454e-01);
INSERT INTO "run" VALUES(7,3,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,3584,104768,12288,30,4343,4.39874727427959388847e+00,4.49397880156834883536e+00,4.49397880156834883536e+00,4.49397880156834883536e+00,30,4.45623560508092264598e+00,12340096,12340096,13627392,15424,14336,7.93569849997766141314e-02,2.42932059995837335009e-02,1.21375619999980699503e-01);
INSERT INTO "run" VALUES(8,4,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,16384,104768,73728,30,4357,3.24419744809468602042e+00,3.20505144139130893066e+00,3.20505144139130893066e+00,3.20505144139130893066e+00,30,3.18592091639836638705e+00,12709376,12709376,14176256,69056,65536,8.60055739999552315566e-02,8.98371130001578421797e-02,1.92611947999921540031e-01);
INSERT INTO "run" VALUES(9,4,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:20Z',1,1,16384,104768,73728,30,4343,3.23155885885159177561e+00,3.23960874140262600207e+00,3.23960874140262600207e+00,3.23960874140262600207e+00,30,3.1777243131399153242e+00,12709376,12709376,14163968,69056,65536,1.02718783001819247147e-01,3.26849369998853944707e-02,1.48808360000202810624e-01);
INSERT INTO "run" VALUES(10,5,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:21Z',1,1,384,104768,12288,30,4357,6.2842780073483792691e+00,6.18932435671488434536e+00,6.18932435671488434536e+00,6.18932435671488434536e+00,30,6.30323355515798,12229504,12229504,13594624,4608,1568,8.20532569987335591576e-02,4.37501420001353835687e-02,1.32383498000308463815e-01);
INSERT INTO "run" VALUES(11,5,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:20Z','2026-11-29T01:44:20Z','2026-11-29T01:44:21Z',1,1,384,104768,12288,30,4343,6.19113694429397565244e+00,6.15870459238688194858e+00,6.15870459238688194858e+00,6.15870459238688194858e+00,30,6.25356892585754398083e+00,12229504,12229504,13578240,4608,1568,9.10576170008425833657e-02,1.9188923000001523178e-02,1.47451172000273800222e-01);
INSERT INTO "run" VALUES(12,6,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,2048,104768,73728,30,4357,4.15825320531924536027e+00,4.1505498305956525229e+00,4.1505498305956525229e+00,4.1505498305956525229e+00,30,4.19553257703781135035e+00,12303872,12303872,13697024,19904,8304,7.31573169991861504968e-02,2.34702909992847708053e-02,1.22112435999952140264e-01);
INSERT INTO "run" VALUES(13,6,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,2048,104768,73728,30,4343,4.05263709177573527853e+00,4.09583982904752108566e+00,4.09583982904752108566e+00,4.09583982904752108566e+00,30,4.11952982823054,12303872,12303872,13676544,19904,8304,1.25201517000277817714e-01,1.68272859996250190306e-02,1.52824321000025520334e-01);
INSERT INTO "run" VALUES(14,7,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,1536,104768,12288,30,4357,5.55043795704841613769e+00,5.50617135922114098178e+00,5.50617135922114098178e+00,5.50617135922114098178e+00,30,5.56252274910609,12315520,12315520,13635584,15424,6176,5.43660779981109953951e-02,4.52649260000725917052e-02,1.23992038000324100721e-01);
INSERT INTO "run" VALUES(15,7,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,1536,104768,12288,30,4343,5.20074966748555489459e+00,5.22985215425491301033e+00,5.22985215425491301033e+00,5.22985215425491301033e+00,30,5.29345379273096749983e+00,12315520,12315520,13492224,15424,6176,0.0856319710014759,2.77146639996317389886e-02,1.51108554000074946088e-01);
INSERT INTO "run" VALUES(16,8,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,8192,104768,73728,30,4357,3.47997411688168867271e+00,3.46058402518431362793e+00,3.46058402518431362793e+00,3.46058402518431362793e+00,30,3.42328389604886362818e+00,12611072,12611072,14008320,69056,32880,1.15027886999541806289e-01,1.17990859998826636001e-02,1.48158205000072484835e-01);
INSERT INTO "run" VALUES(17,8,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,8192,104768,73728,30,4343,3.32746524835626233951e+00,3.3554365188876786874e+00,3.3554365188876786874e+00,3.3554365188876786874e+00,30,3.29974116971095421391e+00,12611072,12611072,13967360,69056,32880,9.47938449990033404901e-02,1.3787699300019085058e-01,2.50922206999803165672e-01);
INSERT INTO "run" VALUES(18,9,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,896,104768,12288,30,4357,4.60249175031979884664e+00,4.5845317776997882575e+00,4.5845317776997882575e+00,4.5845317776997882575e+00,30,4.58866756916046103498e+00,12235648,12235648,13574144,4608,3584,7.13918870014822459779e-02,2.98297399995135492645e-02,1.31107282000357372453e-01);
INSERT INTO "run" VALUES(19,9,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,896,104768,12288,30,4343,4.43910556137561762568e+00,4.49285498062769583782e+00,4.49285498062769583782e+00,4.49285498062769583782e+00,30,4.42660139759381632273e+00,12235648,12235648,13647872,4608,3584,6.66518600023664475884e-02,1.88317059996734315063e-02,1.24701337000260537024e-01);
INSERT INTO "run" VALUES(20,10,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:21Z',1,1,4096,104768,73728,30,4357,4.51395437667767129852e+00,4.44280710021654723362e+00,4.44280710021654723362e+00,4.44280710021654723362e+00,30,4.38609378576278707839e+00,12328448,12328448,13733888,19904,16384,7.84525170006418193224e-02,1.27110370003720163367e-02,1.04045408000274619553e-01);
INSERT INTO "run" VALUES(21,10,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:22Z',1,1,4096,104768,73728,30,4343,4.09364802936712823822e+00,4.05512196441491479248e+00,4.05512196441491479248e+00,4.05512196441491479248e+00,30,4.14468128105004662842e+00,12328448,12328448,13754368,19904,16384,8.06713090014454792253e-02,2.27882379999755357857e-02,1.31595955999728175811e-01);
INSERT INTO "run" VALUES(22,11,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:21Z','2026-11-29T01:44:21Z','2026-11-29T01:44:22Z',1,1,3584,104768,12288,30,4357,3.943164105216661941e+00,3.91811789711316427187e+00,3.91811789711316427187e+00,3.91811789711316427187e+00,30,3.91300379991531377399e+00,12340096,12340096,13860864,15424,14336,5.39881250010694202501e-02,3.72008680001272296067e-02,1.14933675999964179936e-01);
INSERT INTO "run" VALUES(23,11,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,3584,104768,12288,30,4343,3.99525928199291202602e+00,4.06987162391344714507e+00,4.06987162391344714507e+00,4.06987162391344714507e+00,30,3.99982226928075146332e+00,12340096,12340096,13680640,15424,14336,0.0753705440019985,2.05803620001461240462e-02,1.21964273000230605248e-01);
INSERT INTO "run" VALUES(24,12,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,16384,104768,73728,30,4357,4.58846125205357857623e+00,4.66578661799430882695e+00,4.66578661799430882695e+00,4.66578661799430882695e+00,30,4.69124654690424591763e+00,12709376,12709376,14274560,69056,65536,1.0074061700061065494e-01,2.07970079995902779046e-02,1.50120371000411978457e-01);
INSERT INTO "run" VALUES(25,12,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,16384,104768,73728,30,4343,4.14152532418568952721e+00,4.26089003086090123417e+00,4.26089003086090123417e+00,4.26089003086090123417e+00,30,4.20643711686134302851e+00,12709376,12709376,14045184,69056,65536,8.11991620003027492202e-02,3.58632790002957335673e-02,1.40694086999701539753e-01);
INSERT INTO "run" VALUES(26,13,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,896,104768,12288,30,4357,4.93843709429105093278e+00,4.92804182211558,4.92804182211558,4.92804182211558,30,4.92402549505233722015e+00,12242880,12242880,13787136,8192,7168,9.12825930017788778059e-02,1.97889719993327162228e-02,1.42114929999934247462e-01);
INSERT INTO "run" VALUES(27,13,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,896,104768,12288,30,4343,4.8517450213432313788e+00,4.90635341008504255455e+00,4.90635341008504255455e+00,4.90635341008504255455e+00,30,4.90584600528081260506e+00,12242880,12242880,13930496,8192,7168,4.982460499877561233e-02,1.41481640002893982455e-02,8.01347249998798361048e-02);
INSERT INTO "run" VALUES(28,14,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,4096,104768,73728,30,4357,3.46415455887715,3.47138174156347911747e+00,3.47138174156347911747e+00,3.47138174156347911747e+00,30,3.41833342770735404414e+00,12361280,12361280,14422016,36288,32768,0.0780540810014827,1.0993251800027792342e-01,2.35804767999979958403e-01);
INSERT INTO "run" VALUES(29,14,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,4096,104768,73728,30,4343,3.56002868662277860423e+00,3.64342483421166729584e+00,3.64342483421166729584e+00,3.64342483421166729584e+00,30,3.60019136647383364291e+00,12361280,12361280,14360576,36288,32768,8.61817240006530482787e-02,5.15475510001124348491e-02,1.48178625000127794919e-01);
INSERT INTO "run" VALUES(30,15,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,3584,104768,12288,30,4357,4.25079208612442,4.26053077419598924535e+00,4.26053077419598924535e+00,4.26053077419598924535e+00,30,4.22704468607902494881e+00,12368832,12368832,14143488,29760,28672,7.95923560008304775692e-02,3.92229049994057277217e-02,1.36262212000019644619e-01);
INSERT INTO "run" VALUES(31,15,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,3584,104768,12288,30,4343,4.19427482287089059553e+00,4.25095691641171757879e+00,4.25095691641171757879e+00,4.25095691641171757879e+00,30,4.19718536456426,12368832,12368832,13975552,29760,28672,7.78654079977059154771e-02,2.22952670005724939983e-02,1.17705168000156845664e-01);
INSERT INTO "run" VALUES(32,16,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,16384,104768,73728,30,4357,3.21920792410771072766e+00,3.20120633165041601486e+00,3.20120633165041601486e+00,3.20120633165041601486e+00,30,3.18171933035055776173e+00,12840512,12840512,15056896,134656,131072,1.17293219000657700235e-01,1.99666599996817240025e-02,1.44701964999967458425e-01);
INSERT INTO "run" VALUES(33,16,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:22Z',1,1,16384,104768,73728,30,4343,3.29374016920725543045e+00,3.29900549550851174274e+00,3.29900549550851174274e+00,3.29900549550851174274e+00,30,3.25998146176338199353e+00,12840512,12840512,14983168,134656,131072,8.19653869984904304146e-02,3.99823660000038216821e-02,1.50737737999861565185e-01);
INSERT INTO "run" VALUES(34,17,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:23Z',1,1,1472,104768,73728,30,4357,4.18085927019516656599e+00,4.1075700730085369372e+00,4.1075700730085369372e+00,4.1075700730085369372e+00,30,4.09178207655747705473e+00,13503872,13503872,14872576,9280,5888,5.95225539996135921683e-02,2.25431789995127473957e-02,0.0893898919998719);
INSERT INTO "run" VALUES(35,17,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:22Z','2026-11-29T01:44:22Z','2026-11-29T01:44:23Z',1,1,1472,104768,73728,30,4343,3.99367376118898365078e+00,4.08960229774316186279e+00,4.08960229774316186279e+00,4.08960229774316186279e+00,30,4.07399636129538222917e+00,13503872,13503872,14872576,9280,5888,5.63696969979901041369e-02,1.03909429999475833028e-02,9.68458970000938279554e-02);
INSERT INTO "run" VALUES(36,18,0,1,1,NULL,'complete',NULL,'2026-11-29T01:44:23Z','2026-11-29T01:44:23Z','2026-11-29T01:44:23Z',1,1,104768,104768,104768,30,4357,1.45342022871288167884e+00,1.44747448820620783216e+00,1.44747448820620783216e+00,1.44747448820620783216e+00,30,1.42903592122718681167e+00,13457728,13457728,15269888,419072,419072,1.83206948999213636852e-01,2.63609319995339319575e-02,2.12944933999551722081e-01);
INSERT INTO "run" VALUES(37,18,1,1,1,NULL,'complete',NULL,'2026-11-29T01:44:23Z','2026-11-29T01:44:23Z','2026-11-29T01:44:23Z',1,1,104768,104768,104768,30,4343,1.40932371583767235279e+00,1.50001298905660718219e+00,1.50001298905660718219e+00,1.50001298905660718219e+00,30,1.42928505336244904277e+00,13457728,13457728,15335424,419072,419072,1.77821183000105520477e-01,2.51226229997882910538e-02,2.06255779000002803513e-01);
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
INSERT INTO "sweep" VALUES(1,'smoke','/bench/experiments/sweeps/smoke.yaml','# smoke.yaml - does everything work? Every method once on a model of 100 thousand parameters with random weights: under a minute,
# and nothing is downloaded (`make` makes the model and its data by experiments/models/smoke/make_smoke.py).
#
#   bench run sweeps/smoke.yaml
#
# The numbers mean nothing beyond "the loss falls".

name: smoke

base:
  model: smoke
  task: lm
  data: {name: smoke}
  train: {steps: 30, batch_size: 8, lr: 1.0e-2, schedule: cosine, warmup: 2, max_length: 64}
  eval: {every: 10, rows: 60}
  lora_alpha: "2*r"
  delta_start: 10

metric: {name: eval/loss, goal: minimize}
seeds: [0, 1]

variants:
  - method: [lora, lora_fa, lora_plus, delta_lora]
    parameters:
      r: [2, 8]
      target_modules: [[q_proj, v_proj], all-linear]
  - method: vera
    parameters: {r: [32]}
    train.lr: 5.0e-2
  - method: full
    train.lr: 5.0e-3
  - method: none

limits: {memory: 1GiB, time: 5m}
',NULL,'eval/loss','minimize',NULL,'2026-11-29T01:44:20Z');
CREATE TABLE sweep_point (
    sweep INTEGER NOT NULL REFERENCES sweep(id) ON DELETE CASCADE,
    point INTEGER NOT NULL REFERENCES point(id) ON DELETE CASCADE,
    seed  INTEGER NOT NULL,
    ord   INTEGER NOT NULL,     -- 0-based
    control INTEGER NOT NULL DEFAULT 0, -- 1: not of the sweep's own grid, there only as the control arm of others
    PRIMARY KEY (sweep, point, seed)
) STRICT, WITHOUT ROWID;
INSERT INTO "sweep_point" VALUES(1,1,0,0,0);
INSERT INTO "sweep_point" VALUES(1,1,1,1,0);
INSERT INTO "sweep_point" VALUES(1,2,0,2,0);
INSERT INTO "sweep_point" VALUES(1,2,1,3,0);
INSERT INTO "sweep_point" VALUES(1,3,0,4,0);
INSERT INTO "sweep_point" VALUES(1,3,1,5,0);
INSERT INTO "sweep_point" VALUES(1,4,0,6,0);
INSERT INTO "sweep_point" VALUES(1,4,1,7,0);
INSERT INTO "sweep_point" VALUES(1,5,0,8,0);
INSERT INTO "sweep_point" VALUES(1,5,1,9,0);
INSERT INTO "sweep_point" VALUES(1,6,0,10,0);
INSERT INTO "sweep_point" VALUES(1,6,1,11,0);
INSERT INTO "sweep_point" VALUES(1,7,0,12,0);
INSERT INTO "sweep_point" VALUES(1,7,1,13,0);
INSERT INTO "sweep_point" VALUES(1,8,0,14,0);
INSERT INTO "sweep_point" VALUES(1,8,1,15,0);
INSERT INTO "sweep_point" VALUES(1,9,0,16,0);
INSERT INTO "sweep_point" VALUES(1,9,1,17,0);
INSERT INTO "sweep_point" VALUES(1,10,0,18,0);
INSERT INTO "sweep_point" VALUES(1,10,1,19,0);
INSERT INTO "sweep_point" VALUES(1,11,0,20,0);
INSERT INTO "sweep_point" VALUES(1,11,1,21,0);
INSERT INTO "sweep_point" VALUES(1,12,0,22,0);
INSERT INTO "sweep_point" VALUES(1,12,1,23,0);
INSERT INTO "sweep_point" VALUES(1,13,0,24,0);
INSERT INTO "sweep_point" VALUES(1,13,1,25,0);
INSERT INTO "sweep_point" VALUES(1,14,0,26,0);
INSERT INTO "sweep_point" VALUES(1,14,1,27,0);
INSERT INTO "sweep_point" VALUES(1,15,0,28,0);
INSERT INTO "sweep_point" VALUES(1,15,1,29,0);
INSERT INTO "sweep_point" VALUES(1,16,0,30,0);
INSERT INTO "sweep_point" VALUES(1,16,1,31,0);
INSERT INTO "sweep_point" VALUES(1,17,0,32,0);
INSERT INTO "sweep_point" VALUES(1,17,1,33,0);
INSERT INTO "sweep_point" VALUES(1,18,0,34,0);
INSERT INTO "sweep_point" VALUES(1,18,1,35,0);
INSERT INTO "sweep_point" VALUES(1,19,0,36,0);
CREATE INDEX sweep_name ON sweep(name);
CREATE INDEX point_base ON point(base_hash) WHERE untouched;
CREATE INDEX point_control_control ON point_control(control);
CREATE INDEX run_state ON run(state) WHERE state IN ('waiting', 'running');
CREATE INDEX run_sweep ON run(sweep);
CREATE INDEX event_run ON event(run);
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
    c.control AS control                 -- 1: there only as the control arm of others
FROM sweep s
JOIN sweep_point c ON c.sweep = s.id
LEFT JOIN run r ON r.point = c.point AND r.seed = c.seed
    AND r.attempt = (SELECT max(attempt) FROM run WHERE point = c.point AND seed = c.seed)
LEFT JOIN sweep rs ON rs.id = r.sweep
WHERE s.id = (SELECT max(id) FROM sweep WHERE name = s.name);
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
COMMIT;
