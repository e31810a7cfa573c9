-- open: somebody is signed in from now on
INSERT INTO sessions (token_hash, id, actor, kind, created_at, seen_at, over_at, ends_at, key, document)
VALUES (%(token_hash)s, %(id)s, %(actor)s, %(kind)s, %(now)s, %(now)s, %(over_at)s, %(ends_at)s, %(key)s, %(document)s);

-- sweep: what nobody is signed in by any more, a few at a time
DELETE FROM sessions WHERE token_hash IN (
    SELECT token_hash FROM sessions WHERE over_at <= %s
    ORDER BY over_at LIMIT 20 FOR UPDATE SKIP LOCKED
);

-- find: who is signed in by a token
SELECT id, actor, kind, created_at, seen_at, ends_at FROM sessions
WHERE token_hash = %s AND over_at > %s;

-- touch: it was used just now
UPDATE sessions SET seen_at = %(now)s, over_at = least(%(over_at)s, ends_at)
WHERE token_hash = %(token_hash)s AND seen_at < %(now)s;

-- of: by what somebody is signed in, the newest first
SELECT id, actor, kind, created_at, seen_at, ends_at, key, document FROM sessions
WHERE actor = %(actor)s AND kind = ANY(%(kinds)s) AND over_at > %(now)s ORDER BY created_at DESC, id;

-- leave: the browser that holds this token is signed out; answers what the provider wrote
WITH gone AS (DELETE FROM sessions WHERE token_hash = %s RETURNING id, key, document)
SELECT id, key, document, pg_notify('sessions', '') FROM gone;

-- revoke: one of somebody's ends at once
WITH gone AS (DELETE FROM sessions WHERE actor = %s AND id = %s AND kind = ANY(%s) RETURNING id)
SELECT id, pg_notify('sessions', '') FROM gone;

-- revoke_all: all of somebody's end at once
WITH gone AS (DELETE FROM sessions WHERE actor = %s RETURNING id)
SELECT id, pg_notify('sessions', '') FROM gone;

-- good: which of these somebody is signed in by still
SELECT id FROM sessions WHERE id = ANY(%s) AND over_at > %s
