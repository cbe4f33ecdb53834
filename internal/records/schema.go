package records

// migrations bring a file from the version that is their index to the next, and set it. One that was released is never edited. Times
// are nanoseconds since 1970. What is in no column of its own is JSON, as pack leaves it.
var migrations = []string{
	`
CREATE TABLE plans (
	digest TEXT PRIMARY KEY,
	put    INTEGER NOT NULL UNIQUE,
	data   BLOB NOT NULL
);
CREATE TABLE images (
	ref          TEXT NOT NULL,
	input_digest TEXT NOT NULL,
	image_id     TEXT NOT NULL,
	tag          TEXT NOT NULL,
	cluster_ref  TEXT NOT NULL,
	built        INTEGER NOT NULL,
	data         BLOB NOT NULL,
	PRIMARY KEY (ref, input_digest)
);
CREATE INDEX images_by_cluster_ref ON images (cluster_ref);
CREATE INDEX images_by_age ON images (ref, built);
CREATE TABLE deployments (
	resource TEXT PRIMARY KEY,
	data     BLOB NOT NULL
);
CREATE TABLE containers (
	id       TEXT PRIMARY KEY,
	resource TEXT NOT NULL,
	seen     INTEGER NOT NULL,
	data     BLOB NOT NULL
);
CREATE INDEX containers_by_resource ON containers (resource);
CREATE TABLE updates (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	resource TEXT NOT NULL,
	started  INTEGER NOT NULL,
	data     BLOB NOT NULL
);
CREATE INDEX updates_by_resource ON updates (resource, id);
CREATE TABLE errors (
	resource TEXT PRIMARY KEY,
	text     TEXT NOT NULL
);
CREATE TABLE snapshot (
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	put  INTEGER NOT NULL,
	data BLOB NOT NULL
);
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
);
CREATE TABLE digests (
	path   TEXT PRIMARY KEY,
	size   INTEGER NOT NULL,
	mtime  INTEGER NOT NULL,
	ctime  INTEGER NOT NULL,
	inode  INTEGER NOT NULL,
	digest TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 1;
`,
	`
CREATE TABLE commands (
	resource TEXT PRIMARY KEY,
	data     BLOB NOT NULL
);
PRAGMA user_version = 2;
`,
}
