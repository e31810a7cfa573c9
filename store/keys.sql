-- add: a key from now on; none where there is one of that prefix
INSERT INTO api_keys (prefix, secret_hash, actor, label, created_at, created_by, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (prefix) DO NOTHING RETURNING prefix;

-- find: a key by what stands in front of its secret
SELECT prefix, actor, label, created_at, created_by, expires_at, last_used_at, revoked_at, secret_hash
FROM api_keys WHERE prefix = %s;

-- page: the keys, the newest first
SELECT prefix, actor, label, created_at, created_by, expires_at, last_used_at, revoked_at
FROM api_keys WHERE (created_at, prefix) < (%s, %s) ORDER BY created_at DESC, prefix DESC LIMIT %s;

-- actor: whose key it is
SELECT actor FROM api_keys WHERE prefix = %s;

-- revoke: a key opens nothing any more, nor does a code that whoever had it may have made; answers whether it did
WITH revoked AS (
    UPDATE api_keys SET revoked_at = %s, revoked_by = %s WHERE prefix = %s AND revoked_at IS NULL RETURNING prefix, actor
), forgotten AS (DELETE FROM pairings USING revoked WHERE pairings.actor = revoked.actor)
SELECT prefix FROM revoked;

-- revoke_all: the keys of an actor open nothing any more; answers which of them did
UPDATE api_keys SET revoked_at = %s, revoked_by = %s WHERE actor = %s AND revoked_at IS NULL RETURNING prefix;

-- holds: whether a key still opens anything
SELECT FROM api_keys WHERE prefix = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %s);

-- used: that keys were used, once a minute at most
UPDATE api_keys SET last_used_at = %(at)s
WHERE prefix = ANY(%(prefixes)s) AND (last_used_at IS NULL OR last_used_at <= %(before)s)
