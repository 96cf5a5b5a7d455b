-- No column for text. No clear number: `sealed` is the only trace of one that waits.
-- Times are nanoseconds since 1970, money is nano-units of the accounting currency.
CREATE TABLE claim (
    pseudonym    BLOB NOT NULL,
    campaign     TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    contacts     INTEGER NOT NULL,
    period_start INTEGER NOT NULL,
    replies      INTEGER NOT NULL,
    reply_id     INTEGER NOT NULL,
    loops        INTEGER NOT NULL,
    looped       INTEGER NOT NULL,
    PRIMARY KEY (pseudonym, campaign)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_age ON claim (epoch, period_start);

CREATE TABLE optout (
    pseudonym BLOB PRIMARY KEY,
    scope     TEXT NOT NULL,
    since     INTEGER NOT NULL,
    by_hand   INTEGER NOT NULL  -- 1: an operator entered it, 0: the person's own word
) STRICT, WITHOUT ROWID;

CREATE TABLE reply (
    id              INTEGER PRIMARY KEY,
    state           INTEGER NOT NULL,
    campaign        TEXT NOT NULL,
    number          TEXT NOT NULL,
    kind            TEXT NOT NULL,
    text_id         TEXT NOT NULL,
    segments        INTEGER NOT NULL,
    country         TEXT NOT NULL,
    claim           BLOB,
    epoch           INTEGER NOT NULL,
    prefix          BLOB,
    created         INTEGER NOT NULL,
    due             INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    mccmnc          TEXT NOT NULL,  -- the network the text came from, '' when not told
    sealed          BLOB,
    carrier         TEXT,
    link            TEXT,
    message_id      TEXT,
    price           INTEGER,
    billed          INTEGER,  -- the same in the carrier's currency, where that is another one
    currency        TEXT,
    rate_version    INTEGER,
    exact           INTEGER,
    tracked         INTEGER,
    debit           INTEGER,  -- the accounts its reservation was taken from
    submitted       INTEGER,
    ended           INTEGER,
    reason          TEXT,
    pad             BLOB,  -- room for what comes later: a row that grows leaves copies behind
    reserve_journal INTEGER,
    close_journal   INTEGER
) STRICT;
CREATE INDEX reply_lane ON reply (number, campaign, due) WHERE state = 0;
CREATE INDEX reply_waiting ON reply (created) WHERE state = 0;
CREATE INDEX reply_open ON reply (submitted) WHERE state IN (2, 4);
CREATE INDEX reply_message ON reply (message_id) WHERE tracked = 1 AND message_id IS NOT NULL;
CREATE INDEX reply_unknown ON reply (claim) WHERE state = 4;

CREATE TABLE journal (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    totals  TEXT NOT NULL,
    entries TEXT NOT NULL,
    digest  BLOB NOT NULL
) STRICT;

CREATE TABLE balance (
    account TEXT PRIMARY KEY,
    nanos   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    scope TEXT NOT NULL,
    span  TEXT NOT NULL,
    head  INTEGER NOT NULL,
    slots BLOB NOT NULL,
    PRIMARY KEY (scope, span)
) STRICT, WITHOUT ROWID;

CREATE TABLE hold (
    scope  TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE state (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE fingerprint (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE held_receipt (
    carrier    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    delivered  INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    lead       TEXT NOT NULL,     -- the id as it was written: its rows go together
    at         INTEGER NOT NULL,
    number     TEXT NOT NULL,
    claims     BLOB NOT NULL,     -- pseudonyms, 16 octets each
    reference  INTEGER NOT NULL,  -- user_message_reference, -1 for none
    PRIMARY KEY (carrier, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_receipt_lead ON held_receipt (carrier, lead);
CREATE INDEX held_receipt_until ON held_receipt (until);

CREATE TABLE alarm (
    id      INTEGER PRIMARY KEY,
    code    TEXT NOT NULL,
    subject TEXT NOT NULL,
    figures TEXT NOT NULL,
    began   INTEGER NOT NULL,
    ended   INTEGER
) STRICT;
CREATE INDEX alarm_open ON alarm (code, subject) WHERE ended IS NULL;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    what    TEXT NOT NULL,
    figures TEXT NOT NULL
) STRICT;

-- Every rate card there was: valid is 0 for a draft, 1 for a card, 2 for a draft given up.
CREATE TABLE card (
    id       INTEGER PRIMARY KEY,
    carrier  TEXT NOT NULL,
    source   TEXT NOT NULL,  -- 'file': named by the configuration, 'import': brought by a command
    digest   TEXT NOT NULL,  -- SHA-256 of the file
    version  INTEGER NOT NULL,
    currency TEXT NOT NULL,
    rows     INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    valid    INTEGER NOT NULL
) STRICT;

CREATE TABLE rate (
    card       INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    line       INTEGER NOT NULL,
    prefix     TEXT NOT NULL,
    direction  TEXT NOT NULL,
    price      INTEGER NOT NULL,  -- nano-units of the card's currency, a segment
    country    TEXT NOT NULL,
    mcc        TEXT NOT NULL,
    mnc        TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER NOT NULL,
    PRIMARY KEY (card, place)
) STRICT, WITHOUT ROWID;

-- What a sender or a range of numbers has caused. The id is the first 64 bits of its pseudonym, the
-- counts are three slots each (routing.guards); no row ever changes its size.
CREATE TABLE guard (
    id            INTEGER PRIMARY KEY,
    head          INTEGER NOT NULL,
    contacts_hour INTEGER NOT NULL,
    contacts_day  INTEGER NOT NULL,
    segments_hour INTEGER NOT NULL,
    segments_day  INTEGER NOT NULL
) STRICT;

-- The breaker: its step in row 12, the last minutes in the others. Every text has one length.
CREATE TABLE breaker (
    slot   INTEGER PRIMARY KEY,
    minute INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT;

-- Waiting replies that are being looked through, those of an attack to be cancelled: one row.
CREATE TABLE sweep (
    id       INTEGER PRIMARY KEY,
    prefixes BLOB NOT NULL,
    home     TEXT NOT NULL,
    until_id INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    after_id INTEGER NOT NULL
) STRICT;

-- The accounts a reservation was taken from, joined by spaces: few rows, since a lane shares them.
CREATE TABLE debit (
    id       INTEGER PRIMARY KEY,
    accounts TEXT NOT NULL UNIQUE
) STRICT;

-- Budgets set in the running server; NULL is no limit. The row "allowance" is that of its day.
CREATE TABLE budget (
    name  TEXT PRIMARY KEY,
    nanos INTEGER,
    day   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The last month whose fees were posted.
CREATE TABLE charged (
    carrier TEXT PRIMARY KEY,
    month   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The end of a month's books: what every account held, and where the chain goes on.
CREATE TABLE closing (
    month    TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,  -- the month's last journal row ...
    digest   BLOB NOT NULL,     -- ... and its digest
    rows     INTEGER NOT NULL,
    sums     TEXT NOT NULL,     -- "account nanos" joined by ";"
    reserved TEXT NOT NULL,     -- "reply nanos" of what was in flight, joined by ";"
    at       INTEGER NOT NULL,
    dropped  INTEGER NOT NULL   -- 1: its rows before the last may be deleted
) STRICT, WITHOUT ROWID;

-- Orders that look through replies: cancel what waits, forget a person.
CREATE TABLE job (
    id        INTEGER PRIMARY KEY,
    what      TEXT NOT NULL,
    number    TEXT NOT NULL,  -- name of our number, '' for all
    campaign  TEXT NOT NULL,
    until_id  INTEGER NOT NULL,
    began     INTEGER NOT NULL,
    left_too  INTEGER NOT NULL,  -- 1: what waits is done, what had left is looked at
    at        INTEGER NOT NULL,
    after_id  INTEGER NOT NULL,
    looked    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    cleared   INTEGER NOT NULL,
    ended     INTEGER NOT NULL  -- 0: not yet
) STRICT;

-- Whom a running job forgets.
CREATE TABLE job_person (
    job       INTEGER NOT NULL,
    pseudonym BLOB NOT NULL,
    PRIMARY KEY (job, pseudonym)
) STRICT, WITHOUT ROWID;
