-- Claims a flood has just made: in the order of their coming they fill few pages, by their
-- pseudonyms they touch one each. They are moved to `claim` together.
CREATE TABLE claim_log (
    pseudonym    BLOB NOT NULL,
    campaign     TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    contacts     INTEGER NOT NULL,
    period_start INTEGER NOT NULL,
    replies      INTEGER NOT NULL,
    reply_id     INTEGER NOT NULL,
    loops        INTEGER NOT NULL,
    looped       INTEGER NOT NULL
) STRICT;
