-- take_turns: whoever changes this one comes after us
SELECT pg_advisory_xact_lock(hashtextextended(%s, 6077));

-- standing: which link somebody has, and until when
SELECT generation, ends_at, is_open FROM keeper_links WHERE actor = %s;

-- open: which link somebody has from now on
INSERT INTO keeper_links (actor, generation, ends_at, is_open, token_hash) VALUES (%s, %s, %s, true, %s)
ON CONFLICT (actor) DO UPDATE SET generation = excluded.generation, ends_at = excluded.ends_at, is_open = true,
    token_hash = excluded.token_hash;

-- close: the link opens nothing any more; answers whether it was good
UPDATE keeper_links SET is_open = false WHERE actor = %s AND is_open AND ends_at > %s RETURNING actor;

-- find: whose tasks a link opens, and until when
SELECT actor, ends_at FROM keeper_links WHERE token_hash = %s AND is_open AND ends_at > %s
