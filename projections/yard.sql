-- loads: the live promises on the orders that vehicles carry which leave in a stretch of time
SELECT t.order_id, t.role, c.id FROM stops t
JOIN commitments c ON c.order_id = t.order_id AND c.status IN ('open', 'broken')
WHERE t.departs_at >= %(from)s AND t.departs_at < %(to)s AND {filters}
ORDER BY t.departs_at, t.recipient, t.stop, t.order_id LIMIT %(limit)s;

-- depots: from where vehicles leave in a stretch of time
SELECT DISTINCT depot FROM stops
WHERE departs_at >= %(from)s AND departs_at < %(to)s AND depot IS NOT NULL AND {filters} ORDER BY depot LIMIT %(limit)s;

-- around: when the last vehicle with a live promise leaves before a stretch of time, and the first after it, within a month
WITH carrying AS NOT MATERIALIZED (
    SELECT t.departs_at FROM stops t
    JOIN commitments c ON c.order_id = t.order_id AND c.status IN ('open', 'broken')
    JOIN tasks k ON k.commitment_id = c.id AND k.role = t.role AND k.ends_at IS NULL
      AND (k.recipient = t.recipient OR starts_with(t.recipient, 'team:'))
    WHERE {filters}
)
SELECT (SELECT departs_at FROM carrying WHERE departs_at < %(from)s AND departs_at >= %(from)s - interval '31 days'
        ORDER BY departs_at DESC LIMIT 1),
       (SELECT departs_at FROM carrying WHERE departs_at >= %(to)s AND departs_at < %(to)s + interval '31 days'
        ORDER BY departs_at LIMIT 1)
