-- The state of one emulated tenant.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Users, groups and contacts. The columns after `body` are the truth that Graph does not show.
CREATE TABLE objects (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE COLLATE NOCASE,
  kind TEXT NOT NULL,
  deleted TEXT,
  user_type TEXT COLLATE NOCASE,
  creation_type TEXT COLLATE NOCASE,
  state TEXT COLLATE NOCASE,
  enabled INTEGER,
  created TEXT,
  name TEXT COLLATE NOCASE,
  mail TEXT COLLATE NOCASE,
  upn TEXT COLLATE NOCASE,
  body TEXT NOT NULL,
  account TEXT COLLATE NOCASE,
  invited TEXT,
  ticket TEXT
);
CREATE INDEX objects_by_mail ON objects (mail);
CREATE INDEX objects_by_upn ON objects (upn);
CREATE INDEX objects_by_account ON objects (account) WHERE account IS NOT NULL;
CREATE UNIQUE INDEX objects_by_ticket ON objects (ticket) WHERE ticket IS NOT NULL;

-- One row for each value of otherMails and proxyAddresses; `key` in lower case.
CREATE TABLE addresses (
  key TEXT NOT NULL,
  use TEXT NOT NULL,
  n INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (key, use, n, text)
) WITHOUT ROWID;
CREATE INDEX addresses_by_object ON addresses (n);

-- What an object looked like until `until` (seconds since 1970): what a late replica still shows.
CREATE TABLE versions (
  n INTEGER NOT NULL,
  until REAL NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX versions_by_time ON versions (until);
CREATE INDEX versions_by_object ON versions (n, until);

CREATE TABLE members (
  group_id TEXT NOT NULL,
  member_id TEXT NOT NULL,
  PRIMARY KEY (group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX members_by_member ON members (member_id);

CREATE TABLE app_role_assignments (
  id TEXT PRIMARY KEY,
  principal_id TEXT NOT NULL,
  app TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX app_role_assignments_by_principal ON app_role_assignments (principal_id);

CREATE TABLE roles (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  principal_id TEXT NOT NULL COLLATE NOCASE,
  role TEXT NOT NULL,
  definition_id TEXT NOT NULL COLLATE NOCASE,
  scope TEXT NOT NULL,
  eligible INTEGER NOT NULL
);

CREATE TABLE requests (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  parent INTEGER,
  time TEXT NOT NULL,
  method TEXT NOT NULL,
  url TEXT NOT NULL,
  status INTEGER,
  fault TEXT,
  app_id TEXT,
  exchange TEXT
);

CREATE TABLE history (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL,
  id TEXT NOT NULL,
  operation TEXT NOT NULL,
  request INTEGER,
  changes TEXT NOT NULL
);

CREATE TABLE messages (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  body TEXT NOT NULL
);
