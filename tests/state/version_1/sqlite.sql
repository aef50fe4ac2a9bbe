CREATE TABLE answers (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    etag TEXT,
    answered_at DATETIME NOT NULL,
    PRIMARY KEY (repository, tag)
);

CREATE TABLE evidence (
    digest TEXT NOT NULL,
    platform TEXT NOT NULL,
    scanner TEXT NOT NULL,
    scanner_version TEXT NOT NULL,
    database_built DATETIME NOT NULL,
    document TEXT NOT NULL,
    kept_at DATETIME NOT NULL,
    PRIMARY KEY (digest, platform, scanner, scanner_version, database_built)
);

CREATE TABLE manifests (
    digest TEXT NOT NULL,
    document TEXT NOT NULL,
    kept_at DATETIME NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    PRIMARY KEY (version)
);

CREATE TABLE sightings (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    digest TEXT NOT NULL,
    first_seen DATETIME NOT NULL,
    last_seen DATETIME NOT NULL,
    PRIMARY KEY (repository, tag, ordinal)
);

INSERT INTO schema_version (version) VALUES (1);

INSERT INTO sightings (repository, tag, ordinal, digest, first_seen, last_seen) VALUES
    ('docker.io/library/python', '3.12', 0, 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '2026-10-01 06:00:00.000000', '2026-10-31 06:00:00.000000'),
    ('docker.io/library/python', '3.12', 1, 'sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '2026-11-01 06:00:00.000000', '2026-11-24 06:00:00.000000');

INSERT INTO answers (repository, tag, digest, media_type, etag, answered_at) VALUES
    ('docker.io/library/python', '3.12', 'sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'application/vnd.oci.image.index.v1+json', '"b"',
        '2026-11-24 06:00:00.000000');
