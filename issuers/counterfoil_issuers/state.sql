-- One row for each signed request that was ever taken, until a day after its end.
-- intended: about to be redeemed · redeemed: being made · made: being reported
-- issued: recorded by the service, may work · ended: works no more · closed: and reported
CREATE TABLE IF NOT EXISTS job (
  jti TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('intended', 'redeemed', 'made', 'issued', 'ended', 'closed')),
  deadline INTEGER NOT NULL,
  end_at REAL NOT NULL,
  cause TEXT CHECK (cause IN ('deadline', 'outcome', 'revoked', 'failed', 'swept')),
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at REAL NOT NULL DEFAULT 0,
  report TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS job_open ON job (state, end_at) WHERE state <> 'closed';
CREATE TABLE IF NOT EXISTS spent (thing TEXT PRIMARY KEY, expires_at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL) STRICT;
